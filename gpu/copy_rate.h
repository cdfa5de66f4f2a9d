// How fast this device's memory is, measured: what every speed is a share of.
#pragma once

#include "gpu/command_buffer.h"

namespace gpu {

/// dst[i] = src[i] by the kernel `copy`; same size, a multiple of 16 bytes.
void copy_by_kernel(CommandBuffer& cmd, const Range& dst, const Range& src);

/// GB/s read plus written in a plain copy between two buffers larger than caches: the better of the
/// driver's own copy and the kernel, each the median of several submits. Takes 0.1 to 0.5 s and
/// makes a kernel, so it comes before KernelCache::freeze().
double measure_copy_rate(Device& device, KernelCache& kernels);

}  // namespace gpu
