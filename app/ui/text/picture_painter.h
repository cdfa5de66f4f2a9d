// Paints an exported picture with the window's fonts; needs no window and no Vulkan.
#pragma once

#include <string>

#include "app/exports/picture.h"

namespace app::ui {

/// A PicturePainter.
Pixels paint_picture(const Picture& picture, uint32_t scale, std::string& problem);

}  // namespace app::ui
