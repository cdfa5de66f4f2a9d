// open_model: chooses the reader by what the path is, not by its name.
#include "model/gguf_source.h"
#include "model/source.h"

namespace model {

std::unique_ptr<ModelSource> open_model(const std::string& path) {
    return open_gguf(path);
}

}  // namespace model
