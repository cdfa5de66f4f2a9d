// PNG files read back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <png.h>

namespace support {

struct Png {
    uint32_t width = 0, height = 0;
    std::vector<uint8_t> rgb;  // [height, width, 3]
    std::string problem;       // non-empty: it is none
};

/// `image`: opened by one of libpng's png_image_begin_read functions.
inline Png read_png_image(png_image& image, int opened) {
    Png out;
    image.format = PNG_FORMAT_RGB;
    if (opened != 0) {
        out.rgb.resize(PNG_IMAGE_SIZE(image));
        out.width = image.width;
        out.height = image.height;
        opened = png_image_finish_read(&image, nullptr, out.rgb.data(), 0, nullptr);
    }
    if (opened == 0) {
        out.problem = image.message;
    }
    png_image_free(&image);
    return out;
}

inline Png decode_png(std::span<const uint8_t> bytes) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    return read_png_image(image,
                          png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
}

inline Png read_png(const std::string& path) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    return read_png_image(image, png_image_begin_read_from_file(&image, path.c_str()));
}

}  // namespace support
