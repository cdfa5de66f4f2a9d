#include "app/ui/models_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

std::string room_text(const FoundModel& model, const RoomFacts& room) {
    if (!model.problem.empty()) {
        return one_line(model.problem, 120);
    }
    if (!room.known) {
        return {};
    }
    if (!room.fits) {
        return "needs " + file_size(room.need_bytes) + ", " + file_size(room.free_bytes) + " free";
    }
    const uint32_t usual = std::min(model::kDefaultContext, model.config->max_position_embeddings);
    return room.n_ctx < usual ? "fits with a context of " + thousands(room.n_ctx) : "fits";
}

}  // namespace

bool ModelsView::refresh() {
    if (library == nullptr) {
        return false;
    }
    auto newest = library->facts();
    const bool changed = newest->version != facts_->version;
    facts_ = std::move(newest);
    return changed;
}

const std::vector<ModelsView::Row>& ModelsView::rows(const std::string& device) {
    if (rows_version_ == facts_->version && rows_device_ == device) {
        return rows_;
    }
    rows_version_ = facts_->version;
    rows_device_ = device;
    rows_.clear();
    n_foreign_ = 0;
    const int on = facts_->device_index(device);
    for (size_t i = 0; i < facts_->models.size(); ++i) {
        const FoundModel& model = facts_->models[i];
        if (model.foreign) {
            ++n_foreign_;
            continue;
        }
        const bool known =
            on >= 0 && i < facts_->rooms.size() && size_t(on) < facts_->rooms[i].size();
        const RoomFacts room = known ? facts_->rooms[i][size_t(on)] : RoomFacts{};
        std::string facts = model.type.empty() ? "" : model.type + ", ";
        facts += file_size(model.n_bytes) + ", " + found_in_name(model.found_in);
        rows_.push_back({.path = model.path,
                         .name = one_line(model.name, 80),
                         .facts = std::move(facts),
                         .room = room_text(model, room),
                         .can_open = model.problem.empty(),
                         .fits = model.problem.empty() && (!room.known || room.fits)});
    }
    std::ranges::stable_sort(rows_, std::greater(), &Row::fits);
    return rows_;
}

std::string speed_text(const DeviceFacts& device) {
    if (!device.problem.empty()) {
        return one_line(device.problem, 60);
    }
    return device.gb_per_s > 0 ? fmt::format("{:.0f} GB/s", device.gb_per_s) : "not measured";
}

}  // namespace app::ui
