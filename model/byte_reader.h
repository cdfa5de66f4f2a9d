// ByteReader: the only way a binary header is read. Every read is bounded by the bytes left, and a
// failure names the field and its offset.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "model/file.h"
#include "model/file_error.h"

namespace model {

static_assert(std::endian::native == std::endian::little, "file formats here are little-endian");

class ByteReader {
public:
    /// What to do about a header that wants more bytes than its file has.
    static constexpr const char* kCut =
        "The file is incomplete or damaged: download it again; half a download looks like this.";

    explicit ByteReader(const ByteSource& source) : source_(&source) {}

    const std::string& name() const { return source_->name(); }
    uint64_t offset() const { return offset_; }
    uint64_t left() const { return source_->size() - offset_; }

    /// Refuses the file at the place where the reader stands (or at `at`).
    [[noreturn]] void fail(std::string_view field, std::string_view found,
                           std::string_view expected, std::string hint = {}) const {
        refuse(name(), field, offset_, found, expected, std::move(hint));
    }
    [[noreturn]] void fail_at(uint64_t at, std::string_view field, std::string_view found,
                              std::string_view expected, std::string hint = {}) const {
        refuse(name(), field, at, found, expected, std::move(hint));
    }

    void read(std::span<std::byte> dst, std::string_view field) {
        need(dst.size(), field);
        if (dst.size() >= kWindowBytes) {
            source_->read(offset_, dst);
        } else {
            if (offset_ < window_begin_ || offset_ - window_begin_ + dst.size() > window_.size()) {
                refill();
            }
            if (!dst.empty()) {
                std::memcpy(dst.data(), window_.data() + (offset_ - window_begin_), dst.size());
            }
        }
        offset_ += dst.size();
    }

    template <class T>
    T number(std::string_view field) {
        static_assert(std::is_arithmetic_v<T>);
        std::byte bytes[sizeof(T)];
        read(bytes, field);
        T value;
        std::memcpy(&value, bytes, sizeof(T));
        return value;
    }

    /// `length` bytes; the caller has held it against its limit.
    std::string text(uint64_t length, std::string_view field) {
        need(length, field);
        std::string value(length, '\0');
        read(std::as_writable_bytes(std::span(value)), field);
        return value;
    }

private:
    static constexpr size_t kWindowBytes = size_t{64} * 1024;

    void need(uint64_t n, std::string_view field) const {
        if (n > left()) {
            fail(field, fmt::format("{} bytes left in the file", left()),
                 fmt::format("{} bytes", n), kCut);
        }
    }

    void refill() {
        const uint64_t n = left() < kWindowBytes ? left() : kWindowBytes;
        window_.resize(n);
        window_begin_ = offset_;
        source_->read(offset_, window_);
    }

    const ByteSource* source_;
    uint64_t offset_ = 0;
    uint64_t window_begin_ = 0;
    std::vector<std::byte> window_;
};

}  // namespace model
