#include "gpu/pick.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "gpu/base.h"

namespace gpu {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        }
    }
    return out;
}

/// "6D65-7361..." and "6d657361..." are the same UUID.
std::string uuid_digits(std::string_view text) {
    std::string out = lower(text);
    std::erase(out, '-');
    return out;
}

bool contains(std::string_view text, std::string_view part) {
    return lower(text).find(lower(part)) != std::string::npos;
}

/// "integrated GPU", "CPU device"
std::string in_words(DeviceType type) {
    if (type == DeviceType::cpu) {
        return "CPU device";
    }
    return type == DeviceType::other ? "device of unknown type"
                                     : fmt::format("{} GPU", type_name(type));
}

int rank(DeviceType type) {
    switch (type) {
        case DeviceType::discrete:
            return 0;
        case DeviceType::integrated:
            return 1;
        case DeviceType::virtual_gpu:
            return 2;
        case DeviceType::other:
            return 3;
        case DeviceType::cpu:
            return 4;
    }
    return 5;
}

/// Better in itself; the loader's order breaks ties because the search below is stable.
bool better(const DeviceInfo& a, const DeviceInfo& b) {
    if (rank(a.type) != rank(b.type)) {
        return rank(a.type) < rank(b.type);
    }
    return a.local_heap_bytes > b.local_heap_bytes;
}

std::string describe(const DeviceInfo& device) {
    const std::string lack =
        device.missing.empty() ? "" : fmt::format(", not usable: lacks {}", device.missing);
    return fmt::format("{} ({}, {}{})", base::escaped(device.name), in_words(device.type),
                       base::escaped(device.driver_name), lack);
}

std::string describe_all(const std::vector<DeviceInfo>& devices) {
    std::string out;
    for (size_t i = 0; i < devices.size(); ++i) {
        out += fmt::format("{}{}: {}", i == 0 ? "" : "; ", i, describe(devices[i]));
    }
    return out;
}

/// Indices that the selector names, whether usable or not.
std::vector<size_t> matching(const std::vector<DeviceInfo>& devices, std::string_view selector) {
    const std::string word = lower(selector);
    size_t number = devices.size();
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool is_index = parsed.ec == std::errc() && parsed.ptr == word.data() + word.size() &&
                          number < devices.size();

    const auto fits = [&](size_t i) {
        const DeviceInfo& device = devices[i];
        if (word == "cpu" || word == "none") {
            return device.type == DeviceType::cpu;
        }
        if (is_index) {
            return i == number;
        }
        return uuid_digits(word) == device.uuid || contains(device.name, word) ||
               contains(device.driver_name, word);  // the empty word is part of every name
    };
    std::vector<size_t> found;
    for (size_t i = 0; i < devices.size(); ++i) {
        if (fits(i)) {
            found.push_back(i);
        }
    }
    return found;
}

/// The best usable one of `candidates`. Of one card under two drivers only the first listed counts.
std::optional<size_t> best_of(const std::vector<DeviceInfo>& devices,
                              const std::vector<size_t>& candidates) {
    std::vector<size_t> cards;
    for (const size_t i : candidates) {
        const auto twin = [&](size_t j) { return same_card(devices[i], devices[j]); };
        if (devices[i].missing.empty() && std::none_of(cards.begin(), cards.end(), twin)) {
            cards.push_back(i);
        }
    }
    const auto best = std::min_element(cards.begin(), cards.end(), [&](size_t a, size_t b) {
        return better(devices[a], devices[b]);
    });
    return best == cards.end() ? std::nullopt : std::optional(*best);
}

std::string reason(const std::vector<DeviceInfo>& devices, size_t chosen,
                   std::string_view selector) {
    if (!selector.empty()) {
        return fmt::format("asked for as '{}'", base::escaped(selector));
    }
    if (devices.size() == 1) {
        return fmt::format("the only device, a {}", in_words(devices[chosen].type));
    }
    if (devices[chosen].type == DeviceType::cpu) {
        return "no usable GPU, so the CPU device";
    }
    const auto same_type = [&](const DeviceInfo& d) { return d.type == devices[chosen].type; };
    const bool alone = std::count_if(devices.begin(), devices.end(), same_type) == 1;
    return fmt::format("the {} {}", alone ? "only" : "best", in_words(devices[chosen].type));
}

}  // namespace

bool same_card(const DeviceInfo& a, const DeviceInfo& b) {
    return (!a.uuid.empty() && a.uuid == b.uuid) || (!a.pci.empty() && a.pci == b.pci);
}

Pick pick_device(const std::vector<DeviceInfo>& devices, std::string_view selector) {
    const std::vector<size_t> candidates = matching(devices, selector);
    if (const std::optional<size_t> best = best_of(devices, candidates)) {
        return {.index = *best, .why = reason(devices, *best, selector)};
    }
    const std::string wish = selector.empty() ? "no usable Vulkan device"
                                              : fmt::format("no usable Vulkan device fits '{}'",
                                                            base::escaped(selector));
    if (std::any_of(devices.begin(), devices.end(),
                    [](const DeviceInfo& device) { return device.missing.empty(); })) {
        throw base::Error(
            base::ErrorKind::no_device,
            fmt::format("{}; there are: {}", wish, describe_all(devices)),
            "`lapidary devices` lists them; name one by its number, UUID or a part of "
            "its name.");
    }
    throw base::Error(base::ErrorKind::no_device,
                      fmt::format("{}; there {}", wish,
                                  devices.empty() ? "are none" : "are: " + describe_all(devices)),
                      "Update the GPU driver, or install mesa-vulkan-drivers for a CPU device; "
                      "`lapidary devices` lists what is there.");
}

}  // namespace gpu
