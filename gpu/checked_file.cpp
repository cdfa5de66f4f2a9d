#include "gpu/checked_file.h"

#include "gpu/base.h"

#include <xxhash.h>

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

namespace gpu {

namespace {

struct Header {
    char magic[8];
    uint64_t payload_bytes;
    uint64_t payload_hash;
    uint64_t identity_hash;
};

// Of the pipeline cache, which was the first of these files; those that exist stay valid.
constexpr char kMagic[8] = {'L', 'A', 'P', 'P', 'I', 'P', 'E', '1'};

uint64_t hash(const void* data, size_t size) {
    return XXH64(data, size, 0);
}

Header header_of(std::string_view identity, std::span<const std::byte> payload) {
    Header header{.magic = {},
                  .payload_bytes = payload.size(),
                  .payload_hash = hash(payload.data(), payload.size()),
                  .identity_hash = hash(identity.data(), identity.size())};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    return header;
}

/// Whether the file is as long as its header says: one that is not is not read, however long it is.
/// Leaves the file at its begin.
bool has_its_length(std::istream& file) {
    Header header{};
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    const bool whole = file.gcount() == sizeof header;
    file.clear();
    file.seekg(0, std::ios::end);
    const auto size = static_cast<uint64_t>(file.tellg());
    file.seekg(0);
    return whole && file.good() && size - sizeof header == header.payload_bytes;
}

}  // namespace

std::vector<std::byte> pack_checked(std::string_view identity, std::span<const std::byte> payload) {
    const Header header = header_of(identity, payload);
    std::vector<std::byte> file(sizeof header + payload.size());
    std::memcpy(file.data(), &header, sizeof header);
    std::copy(payload.begin(), payload.end(), file.begin() + sizeof header);
    return file;
}

std::optional<std::vector<std::byte>> unpack_checked(std::string_view identity,
                                                     std::span<const std::byte> file) {
    if (file.size() < sizeof(Header)) {
        return std::nullopt;
    }
    // The only header that fits is the one we would write ourselves.
    const std::span<const std::byte> payload = file.subspan(sizeof(Header));
    const Header expected = header_of(identity, payload);
    if (std::memcmp(file.data(), &expected, sizeof expected) != 0) {
        return std::nullopt;
    }
    return std::vector<std::byte>(payload.begin(), payload.end());
}

std::optional<std::vector<std::byte>> load_checked(std::string_view noun,
                                                   const std::filesystem::path& path,
                                                   std::string_view identity) {
    // Anything but a file (a folder, a FIFO that would never end) is left alone and not read.
    std::error_code unreadable;
    if (!std::filesystem::is_regular_file(path, unreadable)) {
        return std::nullopt;
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return std::nullopt;
    }
    std::optional<std::vector<std::byte>> payload;
    if (has_its_length(file)) {
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        payload = unpack_checked(identity, std::as_bytes(std::span(bytes)));
    }
    if (!payload) {
        base::log(base::LogArea::gpu, "{} {} does not fit and is deleted", noun, path.string());
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
    }
    return payload;
}

bool save_checked(std::string_view noun, const std::filesystem::path& path,
                  std::string_view identity, std::span<const std::byte> payload) {
    const std::filesystem::path part = fmt::format("{}.{}.part", path.string(), getpid());
    const std::vector<std::byte> bytes = pack_checked(identity, payload);
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    file.close();
    const bool written = !file.fail();
    if (written) {
        std::filesystem::rename(part, path, error);
    }
    if (!written || error) {
        base::log(base::LogArea::gpu, "{} {} could not be written", noun, path.string());
        std::filesystem::remove(part, error);
        return false;
    }
    return true;
}

std::filesystem::path default_cache_dir() {
    const auto folder = [](const char* variable) -> std::filesystem::path {
        const char* value = std::getenv(variable);
        return value ? value : "";
    };
    if (const auto cache = folder("XDG_CACHE_HOME"); cache.is_absolute()) {
        return cache / "lapidary";
    }
    const auto home = folder("HOME");
    return home.empty() ? home : home / ".cache" / "lapidary";
}

}  // namespace gpu
