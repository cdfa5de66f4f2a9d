// Loading weights: a number that is none is refused with its tensor and row, on every kind of
// tensor.
#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include <algorithm>
#include <cstring>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/temp_dir.h"

TEST_CASE("weights: a NaN in a norm or in a matrix is refused by tensor and row") {
    const support::TempDir folder;
    const std::string path = (folder.path() / "nan.gguf").string();
    struct Case {
        const char* tensor;
        size_t element;  // of 4 bytes
        uint32_t row;
    };
    for (const Case& c :
         {Case{"output_norm.weight", 3, 0}, Case{"token_embd.weight", 64 * 401, 401},
          Case{"blk.6.ffn_down.weight", 160 * 63 + 5, 63}}) {
        INFO(c.tensor);
        support::TinyModel tiny = support::make_tiny({});
        auto& tensor = *std::ranges::find(tiny.tensors, c.tensor, &support::TinyTensor::name);
        REQUIRE(4 * (c.element + 1) <= tensor.data.size());
        const float nan = std::numeric_limits<float>::quiet_NaN();
        std::memcpy(tensor.data.data() + 4 * c.element, &nan, sizeof(nan));
        support::write_gguf(tiny, path);
        std::string text;
        try {
            support::load_model(path);
        } catch (const base::Error& error) {
            CHECK(error.kind() == base::ErrorKind::model);
            text = error.what();
        }
        INFO(text);
        CHECK(text.find(path) != std::string::npos);
        CHECK(text.find(fmt::format("{} holds a number that is NaN or infinite, in row {}",
                                    c.tensor, c.row)) != std::string::npos);
    }
}
