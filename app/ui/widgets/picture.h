// Picture: pixels computed by us, shown one to one. The backend uploads them as ImGui's own
// textures, so no Vulkan is needed here.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <imgui.h>

#include "app/ui/widgets/registry.h"

namespace app::ui {

class Picture {
public:
    Picture() = default;
    ~Picture();
    Picture(const Picture&) = delete;
    Picture& operator=(const Picture&) = delete;

    /// Same key and size as last time: nothing to do. Otherwise pixels() is to be filled and
    /// upload() called.
    bool wants(uint64_t key, int width, int height);
    uint32_t* row(int y) { return pixels_.data() + size_t(y) * size_t(width_); }
    int width() const { return width_; }
    int height() const { return height_; }
    void upload();
    /// One pixel to one device pixel, top left at x, y.
    void draw(ImDrawList* draw, float x, float y) const;
    /// A part of it.
    void draw_part(ImDrawList* draw, float x, float y, int from_x, int from_y, int w, int h) const;
    /// To be called before the ImGui context goes.
    void release();

private:
    void collect();

    uint64_t key_ = 0;
    bool valid_ = false;
    int width_ = 0, height_ = 0;
    std::vector<uint32_t> pixels_;
    std::unique_ptr<ImTextureData> texture_;
    std::vector<std::unique_ptr<ImTextureData>> retired_;
};

}  // namespace app::ui
