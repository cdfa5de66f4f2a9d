// FakeEngine: an EngineLink without a model, for tests of the window only. Everything it says is a
// function of its seed; one event of a running answer comes with each poll.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/engine.h"

namespace test {

struct FakeOptions {
    uint32_t n_layers = 6, n_heads = 4, n_kv_heads = 1;
    uint32_t window = 16;  // of the local layers; every third layer is global
    bool base_model = false;
    std::string fail_load;  // non-empty: loading ends in this message
    std::optional<app::NoRoom>
        no_room;  // loading its path fails for want of memory, unless "anyway"
    std::string device_warning;
    std::string fail_generate;  // non-empty: answers end in this message after some tokens
    int load_steps = 3;
    std::vector<std::string> answer;  // tokens of every answer; empty: a built-in one
    uint32_t n_ctx = 2048;
    uint64_t hold_after =
        0;  // tokens after which an answer waits until it is stopped; 0: it goes on
};

/// A text as the tokens of an answer: words with the space before them, signs, line ends.
std::vector<std::string> answer_tokens(const std::string& text);

class FakeEngine : public app::EngineLink {
public:
    explicit FakeEngine(FakeOptions options = {});

    bool send(app::Command command) override;
    std::optional<app::Event> poll() override;

    /// While true, questions about the sequence wait, except those for rows where `but_rows`; with
    /// false they are answered.
    void hold_answers(bool hold, bool but_rows = false);
    /// The event that would come after n more is this failure; what was going on is over.
    void fail_after(int n, app::Failed failure);

    /// Every command that came, in order.
    const std::vector<app::Command>& commands() const { return commands_; }
    /// Weight of one cell, the truth that every view must show.
    std::vector<float> weights(uint32_t layer, uint32_t head, uint32_t query) const {
        return row(layer, head, query);
    }
    float weight(uint32_t layer, uint32_t head, uint32_t query, uint32_t key) const;
    std::vector<float> logits(uint32_t row) const;
    /// Norm of what the head adds for a key.
    float value_norm(uint32_t layer, uint32_t head, uint32_t key) const;
    /// Of every head in rows [begin, begin + n).
    std::vector<app::HeadShare> shares(uint32_t begin, uint32_t n) const;
    const std::vector<app::TokenId>& sequence() const { return ids_; }
    app::TokenId id_of(const std::string& piece) const;

private:
    void handle(const app::LoadModel& c);
    void handle(const app::Generate& c);
    void handle(const app::Inspect& c);
    void step();
    void fail_now();
    bool compose(const app::Generate& c);
    void next_token();
    void finish(app::FinishReason reason);
    app::TokenInfo token(uint32_t position, app::TokenId id) const;
    std::shared_ptr<const std::vector<app::Thumbnail>> thumbnails_of(uint32_t layer) const;
    app::AttentionPyramidTile tile_of(const app::TileKey& key) const;
    std::vector<float> row(uint32_t layer, uint32_t head, uint32_t query) const;
    std::shared_ptr<const model::Capture> capture(uint32_t position) const;
    std::vector<app::TokenId> encode(const std::string& text) const;
    uint32_t window_of(uint32_t layer) const;
    app::ModelInfo info(const std::string& path) const;

    FakeOptions options_;
    std::vector<std::string> pieces_;  // exact text of every id
    std::shared_ptr<std::vector<std::string>> displays_;
    std::deque<app::Event> events_;
    bool holds_answers_ = false, answers_rows_ = false;
    std::vector<app::Inspect> held_;
    std::vector<app::Command> commands_;
    app::LoadModel loading_;
    int load_left_ = -1;
    bool has_model_ = false;
    app::Generate running_;
    bool generating_ = false;
    std::vector<app::TokenId> ids_, plan_;
    size_t planned_ = 0;
    uint64_t n_predicted_ = 0;
    uint32_t answer_begin_ = 0, n_dropped_ = 0;
    int fail_in_ = -1;
    app::Failed failure_;
};

}  // namespace test
