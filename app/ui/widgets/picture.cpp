#include "app/ui/widgets/picture.h"

#include <imgui_internal.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace app::ui {

Picture::~Picture() = default;

void Picture::release() {
    const auto drop = [](std::unique_ptr<ImTextureData>& texture) {
        if (texture) {
            ImGui::UnregisterUserTexture(texture.get());
        }
        texture.reset();
    };
    drop(texture_);
    for (auto& old : retired_) {
        drop(old);
    }
    retired_.clear();
    valid_ = false;
}

bool Picture::wants(uint64_t key, int width, int height) {
    collect();
    if (valid_ && key == key_ && width == width_ && height == height_) {
        return false;
    }
    key_ = key;
    width_ = width;
    height_ = height;
    pixels_.assign(size_t(width) * size_t(height), 0);
    return width > 0 && height > 0;
}

void Picture::collect() {
    std::erase_if(retired_, [](std::unique_ptr<ImTextureData>& old) {
        if (old->Status != ImTextureStatus_Destroyed) {
            return false;
        }
        ImGui::UnregisterUserTexture(old.get());
        return true;
    });
}

void Picture::upload() {
    const bool fits = texture_ && texture_->Width >= width_ && texture_->Height >= height_;
    if (!fits) {
        const int old_w = texture_ ? texture_->Width : 0, old_h = texture_ ? texture_->Height : 0;
        if (texture_) {
            texture_->WantDestroyNextFrame = true;
            texture_->SetStatus(ImTextureStatus_WantDestroy);
            retired_.push_back(std::move(texture_));
        }
        texture_ = std::make_unique<ImTextureData>();
        // Growing with room to spare: a stream of tokens must not create a texture each.
        texture_->Create(ImTextureFormat_RGBA32, std::max(old_w, (width_ + 63) / 64 * 64),
                         std::max(old_h, (height_ + 63) / 64 * 64));
        std::memset(texture_->Pixels, 0, size_t(texture_->GetSizeInBytes()));
        texture_->UseColors = true;
        texture_->SetStatus(ImTextureStatus_WantCreate);
        ImGui::RegisterUserTexture(texture_.get());
    }
    for (int y = 0; y < height_; ++y) {
        std::memcpy(texture_->GetPixelsAt(0, y), row(y), size_t(width_) * 4);
    }
    texture_->UsedRect = texture_->UpdateRect = {0, 0, static_cast<unsigned short>(width_),
                                                 static_cast<unsigned short>(height_)};
    if (texture_->Status == ImTextureStatus_OK) {
        texture_->Updates.resize(0);
        texture_->Updates.push_back(texture_->UpdateRect);
        texture_->SetStatus(ImTextureStatus_WantUpdates);
    }
    valid_ = true;
}

void Picture::draw(ImDrawList* draw, float x, float y) const {
    draw_part(draw, x, y, 0, 0, width_, height_);
}

void Picture::draw_part(ImDrawList* draw, float x, float y, int from_x, int from_y, int w,
                        int h) const {
    if (!valid_ || !texture_ || w <= 0 || h <= 0) {
        return;
    }
    const auto tw = float(texture_->Width), th = float(texture_->Height);
    const ImVec2 at{std::round(x), std::round(y)};
    draw->AddImage(texture_->GetTexRef(), at, {at.x + float(w), at.y + float(h)},
                   {float(from_x) / tw, float(from_y) / th},
                   {float(from_x + w) / tw, float(from_y + h) / th});
}

}  // namespace app::ui
