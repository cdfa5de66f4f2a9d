#include "tests/support/recordings.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>

#include <sqlite3.h>

#include "gpu/base.h"
#include "tests/support/catch.h"

namespace support {

using namespace app;

namespace {

RecordedStep made_step(uint32_t position) {
    RecordedStep step;
    step.next.ids = {TokenId(position + 2), 70, 60};
    step.next.logprobs = {-0.5f, -1.5f, -3.0f};
    step.next.rest = 1 - std::exp(-0.5) - std::exp(-1.5) - std::exp(-3.0);
    step.next.stages = {{model::SamplerStage::raw, 100, {{7, 1.5f, 0.25f}}, 0.75},
                        {model::SamplerStage::final, 1, {{7, 1.5f, 1.0f}}, 0}};
    step.lens_ids = {7, 60};
    for (uint32_t l = 0; l < kRecordedLayers; ++l) {
        LensAnswer answer;
        answer.layer = l;
        answer.top = {{61, "sixty-one", -0.125f * float(l + 1)}};
        answer.asked = {-1.0f - float(position), -2.0f - float(l)};
        step.lens.push_back(answer);
        answer.top = {{62, "sixty-two", -0.25f * float(l + 1)}};
        answer.asked = {-5.0f - float(position), -6.0f - float(l)};
        step.lens_mid.push_back(answer);
    }
    return step;
}

}  // namespace

Recording small_recording() {
    Recording r;
    r.model_hash = "xxh64:0123456789abcdef";
    r.before = {{model::Role::system, "Be brief."},
                {model::Role::user, "Hi"},
                {model::Role::model, "Hello \"you\""}};
    r.answer_begin = 12;
    r.sampling.seed = 0xFFFFFFFFFFFFFFF1ull;
    r.sampling.temperature = 0.25f;
    r.finish = FinishReason::stopped;
    r.stats.predicted_n = 8;
    r.text = "Zoë 日本 😊";
    r.program = "Lapidary 0.1.0";
    r.info.name = "Tiny \"Gemma\"";
    r.info.n_layers = kRecordedLayers;
    r.info.n_heads = kRecordedHeads;
    r.info.n_kv_heads = 1;
    r.info.head_dim = 8;
    r.info.hidden_size = 16;
    r.info.vocab_size = 100;
    r.info.n_ctx = 64;
    r.info.device_name = "Some GPU";
    r.info.layers = {{.window = kRecordedWindow}, {.window = 0}, {.window = kRecordedWindow}};
    for (uint32_t i = 0; i < kRecordedTokens; ++i) {
        TokenInfo t{.position = i, .id = TokenId(i + 1), .text = "t" + std::to_string(i)};
        t.bytes = i == 0 ? "" : i == 3 ? std::string("\xE2\x96\0x", 4) : t.text;
        t.control = i == 0;
        t.logprob = i == 0 ? std::nanf("") : -0.1f * float(i);
        t.entropy = -t.logprob;
        t.rank = i == 0 ? -1 : int32_t(i);
        if (i > 0) {
            t.top = {{TokenId(50 + i % 3), "top", -0.25f}, {t.id, t.text, t.logprob}};
        }
        r.tokens.push_back(t);
        auto capture = std::make_shared<model::Capture>();
        capture->first_position = i;
        capture->n_positions = 1;
        for (uint32_t l = 0; l < kRecordedLayers; ++l) {
            const uint32_t first =
                r.info.layers[l].window != 0 && i >= kRecordedWindow ? i - kRecordedWindow + 1 : 0;
            model::LiveRows rows{
                .layer = l, .position = i, .first_key = first, .n_keys = i - first + 1};
            rows.max.assign(kRecordedHeads, 1.5f);
            rows.lse.assign(kRecordedHeads, 3.0f);
            for (uint32_t h = 0; h < kRecordedHeads; ++h) {
                double sum = 0;
                for (uint32_t k = 0; k < rows.n_keys; ++k) {
                    rows.log16.push_back(uint16_t(7919 * (h * rows.n_keys + k + i + l) % 65535));
                    sum += std::exp(-double(rows.log16.back()) / 2048);
                }
                rows.lse[h] = rows.max[h] + float(std::log(sum));
            }
            capture->live.push_back(std::move(rows));
        }
        r.captures.push_back(std::move(capture));
        r.steps.push_back(made_step(i));
    }
    auto bytes = std::make_shared<std::vector<std::optional<std::string>>>(r.info.vocab_size);
    for (const TokenInfo& t : r.tokens) {
        (*bytes)[size_t(t.id)] = t.bytes;
    }
    r.info.token_bytes = std::move(bytes);
    r.captures.back() = std::make_shared<model::Capture>();  // drawn, not computed
    r.steps.pop_back();
    return r;
}

std::string bytes_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

/// The refusal's words; the file must be as it was.
std::string refusal_of(const std::string& path) {
    const std::string before = bytes_of(path);
    std::string message;
    try {
        read_recording(path);
    } catch (const base::Error& error) {
        message = error.what();
        CHECK(error.kind() == base::ErrorKind::model);
    }
    CHECK(bytes_of(path) == before);
    return message;
}

void run_sql(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
}

}  // namespace support
