#include "app/ui/text/message_view.h"

namespace app::ui {

namespace {

constexpr size_t kMostTexts = 256;
constexpr uint64_t kUnseenFrames = 120;

}  // namespace

MessageText& MessageView::text(NodeId id) {
    Kept& kept = texts_[id];
    kept.seen = frame_;
    return kept.text;
}

const MessageText* MessageView::laid(NodeId id) const {
    const auto it = texts_.find(id);
    return it == texts_.end() ? nullptr : &it->second.text;
}

void MessageView::forget_unseen() {
    ++frame_;
    if (texts_.size() > kMostTexts) {
        std::erase_if(texts_, [&](const auto& entry) {
            return entry.second.seen + kUnseenFrames < frame_ && entry.first != selection.node();
        });
    }
}

std::string MessageView::marked(bool markdown) const {
    const MessageText* text = selection.empty() ? nullptr : laid(selection.node());
    if (text == nullptr) {
        return {};
    }
    const TextRange r = selection.range();
    const std::string& all = text->layout().text();
    if (r.begin >= all.size()) {
        return {};
    }
    return markdown ? text->markdown_of(r) : all.substr(r.begin, r.end - r.begin);
}

}  // namespace app::ui
