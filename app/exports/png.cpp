#include "app/exports/png.h"

#include "gpu/base.h"

#include <png.h>

#include <fstream>

namespace app {

namespace {

/// libpng's description of a picture, freed whatever happens.
struct Description {
    png_image image{};

    Description(uint32_t width, uint32_t height) {
        image.version = PNG_IMAGE_VERSION;
        image.width = width;
        image.height = height;
        image.format = PNG_FORMAT_RGB;
    }
    ~Description() { png_image_free(&image); }
    Description(const Description&) = delete;
    Description& operator=(const Description&) = delete;
};

}  // namespace

std::vector<uint8_t> encode_png(std::span<const uint8_t> rgb, uint32_t width, uint32_t height) {
    CHECK(rgb.size() == size_t{3} * width * height, "{} bytes for {} x {} pixels", rgb.size(),
          width, height);
    Description d(width, height);
    std::vector<uint8_t> out(PNG_IMAGE_PNG_SIZE_MAX(d.image));
    png_alloc_size_t n_bytes = out.size();
    const int written =
        png_image_write_to_memory(&d.image, out.data(), &n_bytes, 0, rgb.data(), 0, nullptr);
    CHECK(written != 0, "libpng: {}", d.image.message);
    out.resize(n_bytes);
    return out;
}

bool write_png(const std::string& path, std::span<const uint8_t> rgb, uint32_t width,
               uint32_t height, std::string& problem) {
    const std::vector<uint8_t> bytes = encode_png(rgb, width, height);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    if (!file.flush()) {
        problem = "The picture could not be written to " + path + ".";
        return false;
    }
    return true;
}

}  // namespace app
