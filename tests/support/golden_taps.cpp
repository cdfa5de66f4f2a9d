#include "tests/support/golden_taps.h"

#include <map>
#include <string>

namespace support {

using model::Tap;

namespace {

/// Names of the golden arrays; taps that have none are derived from others.
const std::map<Tap, std::string> kArrays = {
    {Tap::ln1, "ln1"},
    {Tap::q, "q"},
    {Tap::k, "k"},
    {Tap::v, "v"},
    {Tap::rot_q, "rot_q"},
    {Tap::rot_k, "rot_k"},
    {Tap::attn_scores_raw, "scores_raw"},
    {Tap::pattern, "attn"},
    {Tap::lse, "lse"},
    {Tap::z, "z"},
    {Tap::attn_proj, "attn_proj"},
    {Tap::attn_out, "attn_out"},
    {Tap::resid_mid, "resid_mid"},
    {Tap::ln2, "ln2"},
    {Tap::mlp_pre, "mlp_pre"},
    {Tap::mlp_pre_linear, "mlp_pre_linear"},
    {Tap::mlp_post, "mlp_post"},
    {Tap::mlp_proj, "mlp_proj"},
    {Tap::mlp_out, "mlp_out"},
};

}  // namespace

std::vector<double> golden_values(const Npz& golden, Tap tap, uint32_t layer) {
    switch (tap) {
        case Tap::embed:
            return golden.at("resid").at(0);
        case Tap::resid_pre:
            return golden.at("resid").at(layer);
        case Tap::resid_post:
            return golden.at("resid").at(layer + 1);
        case Tap::ln_final:
            return golden.at("ln_final").values;
        case Tap::logits_raw:
            return golden.at("logits_raw").values;
        case Tap::logits:
            return golden.at("logits").values;
        default:
            break;
    }
    const auto found = kArrays.find(tap);
    return found == kArrays.end() ? std::vector<double>{} : golden.at(found->second).at(layer);
}

std::vector<uint32_t> golden_tokens(const Npz& golden) {
    std::vector<uint32_t> tokens;
    for (const double id : golden.at("tokens").values) {
        tokens.push_back(static_cast<uint32_t>(id));
    }
    return tokens;
}

}  // namespace support
