// Running models on the device in tests: one runtime for the process, captures put together, and
// the fingerprint of a sequence.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/session.h"

namespace support {

/// One device and its kernels for all tests of the process.
model::Runtime& runtime();
/// Loaded once and kept while it is the last one asked for.
std::shared_ptr<const model::Model> load_model(const std::string& path);

/// Puts the rows of all steps together: every tap of every layer as Forward's sink has it.
class TapCollector {
public:
    using Key = std::pair<model::Tap, uint32_t>;  // tap, layer

    explicit TapCollector(uint32_t n_tokens) : n_tokens_(n_tokens) {}
    model::CaptureSink sink();
    const std::map<Key, std::vector<float>>& taps() const { return taps_; }

private:
    void add(const model::TapRows& rows);

    uint32_t n_tokens_;
    std::map<Key, std::vector<float>> taps_;
};

std::vector<model::TokenId> as_ids(std::span<const uint32_t> tokens);

/// The hash of `score --hash` (model/score_hash.h) of what the session holds. It must keep
/// residuals.
uint64_t device_hash(model::Session& session);

/// Feed `tokens` by sync() in steps of `chunk`; a chunk of 1 decodes.
void feed(model::Session& session, std::span<const model::TokenId> tokens, uint32_t chunk);

}  // namespace support
