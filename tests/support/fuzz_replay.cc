// Runs every saved input of one fuzz target: fuzz_replay_<name> CORPUS_DIR
// A .cc and not a .cpp, because it is linked with each target and not into test_support.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s CORPUS_DIR\n", argv[0]);
        return 2;
    }
    int n_inputs = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
        if (!entry.is_regular_file()) {
            continue;
        }
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
        std::printf("%s (%zu bytes)\n", entry.path().filename().c_str(), bytes.size());
        std::fflush(stdout);  // so that a crash is preceded by the name of its input
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
        ++n_inputs;
    }
    std::printf("%d inputs replayed\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;  // an empty corpus would test nothing
}
