#include "tests/op_test_sample.h"

namespace {

constexpr uint32_t kVocab = 50, kContext = 300;

/// Steps through a sequence whose window's length changes now and then.
void run_case(uint32_t workgroup) {
    support::Random random(workgroup);
    std::vector<uint32_t> history(kContext), counts(kVocab), counted(2);
    for (uint32_t i = 0; i < 100; ++i) {
        history[i] = static_cast<uint32_t>(random.below(kVocab + 3));  // some are no tokens
    }
    const op_test::Array history_array(history), counts_array(counts), counted_array(counted);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    params::SampleParams p{.penalties_on = 1, .last_n = 64};
    for (uint32_t position = 99; position < kContext + 2; ++position) {
        if (random.below(10) == 0) {
            constexpr uint32_t kLengths[] = {0, 1, 20, 64, 250, 0xffffffff};
            p.last_n = kLengths[random.below(6)];
            p.penalties_on = random.below(5) != 0;
        }
        const params::StepState state{.token = static_cast<uint32_t>(random.below(kVocab)),
                                      .position = position,
                                      .step = 0,
                                      .n_ctx = kContext};
        const op_test::Array state_array(std::vector<params::StepState>{state});
        const op_test::Array params_array(std::vector<params::SampleParams>{p});
        cmd.dispatch(cmd.kernel("sample_history", {workgroup}), {},
                     params::SampleHistory{kVocab, kContext},
                     {state_array.range(), params_array.range(), history_array.range(),
                      counts_array.range(), counted_array.range()},
                     {});
        cmd.finish();
        ref::sample_history(history, counts, counted, state, p);
        INFO("position " << position << ", window of " << p.last_n);
        REQUIRE(counts_array.get<uint32_t>() == counts);
        REQUIRE(history_array.get<uint32_t>() == history);
        REQUIRE(counted_array.get<uint32_t>() == counted);
    }
}

}  // namespace

TEST_CASE("sample_history") {
    for (const uint32_t workgroup : {8u, 1u, 64u, 256u}) {
        run_case(workgroup);
    }
}
