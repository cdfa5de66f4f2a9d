// Catch2's CHECK in place of our own (gpu/base.h). Include this instead of catch_test_macros.hpp in
// every test that also includes a header of the project, in any order.
#pragma once

#include "gpu/base.h"

#undef CHECK
#include <catch2/catch_test_macros.hpp>
