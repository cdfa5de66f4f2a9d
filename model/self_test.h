// Self-test: does this device compute the fast path right? Drivers have computed wrong numbers
// without an error (docs/reliability.md, F14); the plain path, which is written for exactness and
// uses next to nothing of a device, is the judge.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"

namespace model {

class Session;

/// Largest normalized mean square error of a row of logits: sum (a - b)^2 / sum b^2. The bound of
/// reliability.md F14 for quantized weights; what is right stays below 1e-5.
constexpr double kSelfTestNmse = 5e-4;

/// Ids that are computed: the first ones at once, the others one by one.
constexpr uint32_t kSelfTestPrompt = 12, kSelfTestDecoded = 4;

/// Compute the same ids on both sessions and compare the logits after each position. Empty: they
/// agree; else what is wrong with those of `fast`. Both must hold 16 positions and the same model.
std::string disagreement(Session& plain, Session& fast);

/// disagreement() of two small sessions for this model. Asked once for a device, driver, program,
/// kernel for products (choose_product()) and kind of model (sizes and types): a file beside the
/// pipeline cache remembers the answer.
/// Empty: the fast path may be used. Throws base::Cancelled when stopped, base::Error for a lost
/// device; where there is no memory for it nothing is found out, and nothing remembered.
std::string self_test(Runtime& runtime, std::shared_ptr<const Model> model,
                      const std::function<bool()>& stop);

/// Session::fast_obstacle(), and where there is none, self_test(), as a sentence for the user.
std::string why_not_fast(Runtime& runtime, const std::shared_ptr<const Model>& model,
                         const std::function<bool()>& stop);

/// Where self_test() keeps its answer, and for whom. An empty path: nowhere.
struct SelfTestRecord {
    std::string file, identity;
};
SelfTestRecord self_test_record(const Runtime& runtime, const Model& model,
                                ops::ProductKind product);

}  // namespace model
