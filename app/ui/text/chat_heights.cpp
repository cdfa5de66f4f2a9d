#include "app/ui/text/chat_heights.h"

namespace app::ui {

namespace {

size_t low_bit(size_t i) {
    return i & (~i + 1);
}

}  // namespace

void ChatHeights::clear() {
    shrink(0);
}

void ChatHeights::push(float height) {
    heights_.push_back(height);
    measured_.push_back(false);
    const size_t i = heights_.size();
    double sum = height;
    for (size_t child = i - 1; child > i - low_bit(i); child -= low_bit(child)) {
        sum += tree_[child];
    }
    tree_.push_back(sum);
}

void ChatHeights::shrink(size_t n) {
    if (n < heights_.size()) {
        heights_.resize(n);
        measured_.resize(n);
        tree_.resize(n + 1);
    }
}

void ChatHeights::add(size_t i, double by) {
    for (size_t at = i + 1; at < tree_.size(); at += low_bit(at)) {
        tree_[at] += by;
    }
}

void ChatHeights::set(size_t i, float height, bool measured) {
    if (height != heights_[i]) {
        add(i, double(height) - double(heights_[i]));
        heights_[i] = height;
    }
    measured_[i] = measured;
}

double ChatHeights::top(size_t i) const {
    double sum = 0;
    for (size_t at = i; at > 0; at -= low_bit(at)) {
        sum += tree_[at];
    }
    return sum;
}

size_t ChatHeights::at(double y) const {
    size_t step = 1;
    while (step * 2 < tree_.size()) {
        step *= 2;
    }
    size_t found = 0;
    for (; step > 0; step /= 2) {
        if (found + step < tree_.size() && tree_[found + step] <= y) {
            found += step;
            y -= tree_[found];
        }
    }
    return found < size() || size() == 0 ? found : size() - 1;
}

}  // namespace app::ui
