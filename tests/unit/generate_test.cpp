// What run, chat and score say at the end.
#include "app/commands/generate.h"

#include "tests/support/catch.h"

using app::speed_line;

TEST_CASE("the line of speeds holds what was computed, and nothing else") {
    model::Session::Stats stats;
    // After Ctrl-C during the prompt: it was a hash of sixteen zeros.
    CHECK(speed_line(stats, 0).empty());
    stats.prompt_n = 5;
    stats.prompt_ms = 250;
    CHECK(speed_line(stats, 0) == "prompt 5 tokens, 20 tok/s");
    stats.predicted_n = 4;
    stats.predicted_ms = 1000;
    CHECK(speed_line(stats, 0x1f) ==
          "4 tokens decoded, 4 tok/s, 250 ms/tok; prompt 5 tokens, 20 tok/s  #000000000000001f");
}
