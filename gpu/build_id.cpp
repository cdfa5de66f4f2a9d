#include "gpu/build_id.h"

#include <link.h>

#include <cstdint>
#include <cstring>
#include <span>

#include "gpu/base.h"
#include "gpu/sizes.h"

namespace gpu {
namespace {

constexpr uint32_t kBuildIdNote = 3;  // NT_GNU_BUILD_ID, elf.h

/// One segment of notes: name size, description size, type, then both, each padded to 4 bytes.
std::string build_id_in(std::span<const uint8_t> notes) {
    const auto padded = [](uint64_t n) { return base::round_up(n, 4); };
    while (notes.size() >= 12) {
        uint32_t head[3];
        std::memcpy(head, notes.data(), sizeof head);
        const uint64_t end = 12 + padded(head[0]) + padded(head[1]);
        if (end > notes.size()) {
            break;
        }
        if (head[2] == kBuildIdNote && head[0] == 4 &&
            std::memcmp(notes.data() + 12, "GNU", 4) == 0) {
            std::string hex;
            for (const uint8_t byte : notes.subspan(12 + padded(head[0]), head[1])) {
                hex += fmt::format("{:02x}", byte);
            }
            return hex;
        }
        notes = notes.subspan(end);
    }
    return {};
}

/// Called for the program first, then for its libraries.
int look(dl_phdr_info* object, size_t, void* found) {
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const auto& segment = object->dlpi_phdr[i];
        if (segment.p_type == PT_NOTE) {
            const auto* begin =
                reinterpret_cast<const uint8_t*>(object->dlpi_addr + segment.p_vaddr);
            const std::string id = build_id_in({begin, segment.p_memsz});
            if (!id.empty()) {
                *static_cast<std::string*>(found) = id;
                break;
            }
        }
    }
    return 1;  // the program alone
}

}  // namespace

std::string build_id() {
    static const std::string id = [] {
        std::string found;
        dl_iterate_phdr(look, &found);
        return found;
    }();
    return id;
}

}  // namespace gpu
