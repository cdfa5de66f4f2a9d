// ChatHeights: how high each message of a chat is, as a prefix sum, so that a chat of thousands
// finds the ones on the screen without looking at the rest. Heights are estimates until a message
// is laid out.
#pragma once

#include <cstddef>
#include <vector>

namespace app::ui {

class ChatHeights {
public:
    size_t size() const { return heights_.size(); }
    void clear();
    /// Behind the last one.
    void push(float height);
    /// Keeps the first n.
    void shrink(size_t n);
    void set(size_t i, float height, bool measured);
    float height(size_t i) const { return heights_[i]; }
    bool measured(size_t i) const { return measured_[i]; }
    /// Sum of the heights before i; of all for i = size().
    double top(size_t i) const;
    double total() const { return top(size()); }
    /// The message that y falls into, clamped to the first and the last; 0 when there is none.
    size_t at(double y) const;

private:
    void add(size_t i, double by);

    std::vector<float> heights_;
    std::vector<bool> measured_;
    std::vector<double> tree_{0};  // Fenwick tree, from 1
};

}  // namespace app::ui
