// ModelsView: what the window shows of the models and devices of this machine, as lines of text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/library/library.h"

namespace app::ui {

class ModelsView {
public:
    /// One found model.
    struct Row {
        std::string path, name;
        std::string facts;  // "Q4_K_M, 241 MB, Ollama"
        std::string room;   // "fits", "needs 16.9 GB, 7.2 GB free", or why it cannot be opened
        bool can_open = false;
        bool fits = false;
    };

    LibraryLink* library = nullptr;  // null: nothing is looked for
    bool wants_diagnostics = false;  // they go to the clipboard when they come

    /// Newest facts; true when they changed.
    bool refresh();
    const LibraryFacts& facts() const { return *facts_; }
    /// Gemma models, those that fit first. `device`: selector that they would be opened on.
    const std::vector<Row>& rows(const std::string& device);
    size_t n_foreign() const { return n_foreign_; }

private:
    std::shared_ptr<const LibraryFacts> facts_ = std::make_shared<LibraryFacts>();
    std::vector<Row> rows_;
    size_t n_foreign_ = 0;
    uint64_t rows_version_ = ~uint64_t{0};
    std::string rows_device_;
};

/// "412 GB/s", "not measured", or why it cannot be used.
std::string speed_text(const DeviceFacts& device);

}  // namespace app::ui
