// pick_device on made-up machines.
#include "gpu/pick.h"
#include "gpu/base.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using Catch::Matchers::ContainsSubstring;
using gpu::DeviceInfo;
using gpu::DeviceType;
using gpu::pick_device;

namespace {

constexpr uint64_t kGiB = 1ull << 30;

DeviceInfo device(const char* name, DeviceType type, uint64_t gib, const char* uuid = "",
                  const char* pci = "", const char* driver = "driver") {
    DeviceInfo info;
    info.name = name;
    info.type = type;
    info.local_heap_bytes = gib * kGiB;
    info.uuid = uuid;
    info.pci = pci;
    info.driver_name = driver;
    return info;
}

const DeviceInfo kIntegrated = device("Intel UHD 770", DeviceType::integrated, 32, "aa01", "0:02");
const DeviceInfo kBig = device("NVIDIA GeForce RTX 4090", DeviceType::discrete, 24, "bb01", "1:00");
const DeviceInfo kSmall =
    device("AMD Radeon RX 7600", DeviceType::discrete, 8, "cc01", "2:00", "radv");
const DeviceInfo kCpu =
    device("llvmpipe (LLVM 15.0.6, 256 bits)", DeviceType::cpu, 64, "dd01", "", "llvmpipe");

DeviceInfo unusable(DeviceInfo info) {
    info.missing = "Vulkan 1.3 (has 1.1), synchronization2";
    return info;
}

/// The text of the Error, or "" when a device was found.
std::string refusal(const std::vector<DeviceInfo>& devices, std::string_view selector) {
    try {
        pick_device(devices, selector);
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::no_device);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("pick: discrete before integrated before CPU, whatever the order and the memory") {
    CHECK(pick_device({kIntegrated, kBig}, "").index == 1);
    CHECK(pick_device({kBig, kIntegrated}, "").index == 0);
    CHECK(pick_device({kCpu, kIntegrated}, "").index == 1);
    CHECK(pick_device({kCpu, kIntegrated, kSmall}, "").index == 2);
    const DeviceInfo rented = device("virtio", DeviceType::virtual_gpu, 1);
    CHECK(pick_device({kCpu, rented}, "").index == 1);
    CHECK(pick_device({rented, kIntegrated}, "").index == 1);
}

TEST_CASE("pick: more memory wins, then the loader's order") {
    CHECK(pick_device({kSmall, kBig}, "").index == 1);
    const DeviceInfo twin =
        device("NVIDIA GeForce RTX 4090", DeviceType::discrete, 24, "bb02", "3:00");
    CHECK(pick_device({twin, kBig}, "").index == 0);
    CHECK(pick_device({kBig, twin}, "").index == 0);
}

TEST_CASE("pick: one card under two drivers counts once, first listed wins") {
    DeviceInfo amdvlk = kSmall;
    amdvlk.driver_name = "AMDVLK";
    amdvlk.uuid = "cc99";
    amdvlk.local_heap_bytes = 9 * kGiB;  // would win on memory if it were another card
    CHECK(pick_device({kSmall, amdvlk}, "").index == 0);
    CHECK(pick_device({amdvlk, kSmall}, "").index == 0);
    CHECK(pick_device({kSmall, amdvlk}, "amdvlk").index == 1);  // asked for by driver
    CHECK(pick_device({unusable(kSmall), amdvlk}, "").index == 1);

    DeviceInfo same_uuid = kSmall;
    same_uuid.pci = "";
    same_uuid.local_heap_bytes = 9 * kGiB;
    CHECK(pick_device({kSmall, same_uuid}, "").index == 0);
}

TEST_CASE("pick: a CPU device only when nothing better is usable, and it says so") {
    const gpu::Pick only = pick_device({kCpu}, "");
    CHECK(only.index == 0);
    CHECK_THAT(only.why, ContainsSubstring("CPU"));
    const gpu::Pick fallback = pick_device({unusable(kBig), kCpu}, "");
    CHECK(fallback.index == 1);
    CHECK_THAT(fallback.why, ContainsSubstring("no usable GPU"));
}

TEST_CASE("pick: selectors") {
    const std::vector<DeviceInfo> all{kIntegrated, kBig, kSmall, kCpu};
    CHECK(pick_device(all, "cpu").index == 3);
    CHECK(pick_device(all, "none").index == 3);
    CHECK(pick_device(all, "CPU").index == 3);
    CHECK(pick_device(all, "llvmpipe").index == 3);
    CHECK(pick_device(all, "geforce").index == 1);
    CHECK(pick_device(all, "Radeon").index == 2);
    CHECK(pick_device(all, "0").index == 0);
    CHECK(pick_device(all, "2").index == 2);
    CHECK(pick_device(all, "4090").index == 1);  // no such index, so a name
    CHECK(pick_device(all, "CC01").index == 2);
    CHECK(pick_device(all, "cc-01").index == 2);
    CHECK_THAT(pick_device(all, "radeon").why, ContainsSubstring("radeon"));
}

TEST_CASE("pick: of several that fit a name, the best") {
    CHECK(pick_device({kSmall, kBig, device("NVIDIA GeForce GT 1030", DeviceType::discrete, 2)},
                      "geforce")
              .index == 1);
}

TEST_CASE("pick: refusals list what is there and what it lacks") {
    CHECK_THAT(refusal({}, ""), ContainsSubstring("there are none"));
    CHECK_THAT(refusal({unusable(kBig)}, ""), ContainsSubstring("synchronization2"));
    CHECK_THAT(refusal({kBig, kCpu}, "arc"), ContainsSubstring("'arc'") &&
                                                 ContainsSubstring("GeForce") &&
                                                 ContainsSubstring("llvmpipe"));
    // "found 0: Big" reads as if none had been found.
    CHECK_THAT(refusal({kBig, kCpu}, "arc"),
               ContainsSubstring("; there are: 0: ") && !ContainsSubstring("found"));
    CHECK_THAT(refusal({kBig, unusable(kSmall)}, "radeon"), ContainsSubstring("Vulkan 1.3"));
    CHECK_THAT(refusal({kBig}, "cpu"), ContainsSubstring("'cpu'"));
    CHECK_THAT(refusal({kBig}, "\x1b[2J"), ContainsSubstring("\\x1b"));
}
