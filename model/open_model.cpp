// open_model: chooses the reader by what the path is. Nothing is unpickled, unzipped or executed.
#include <algorithm>
#include <array>
#include <cstring>

#include "model/file.h"
#include "model/file_error.h"
#include "model/gguf_source.h"
#include "model/hf_source.h"
#include "model/source.h"

namespace model {

namespace {

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool belongs_to_folder(std::string_view path) {
    return path.ends_with(".safetensors") || path.ends_with(".json") ||
           path.ends_with("/tokenizer.model") || path == "tokenizer.model";
}

/// Formats that are known and never opened, with the reason.
void refuse_foreign(const std::string& path) {
    struct Magic {
        std::string_view bytes, found, hint;
    };
    static constexpr std::string_view kPickle =
        "Pickles can run code and are never opened; convert the model to safetensors or GGUF.";
    static constexpr std::string_view kUnpack = "Archives are never unpacked; unpack it yourself.";
    static constexpr std::array<Magic, 8> kMagics{{
        {"PK\x03\x04", "a zip archive (a PyTorch checkpoint, or a packed folder)", kPickle},
        {"PK\x05\x06", "an empty zip archive", kPickle},
        {"\x80\x02", "a Python pickle (an old PyTorch checkpoint)", kPickle},
        {"\x80\x04", "a Python pickle", kPickle},
        {"\x1f\x8b", "gzip data", kUnpack},
        {"BZh", "bzip2 data", kUnpack},
        {"\xfd"
         "7zXZ",
         "xz data", kUnpack},
        {"\x89HDF", "an HDF5 file (Keras weights)", "Convert the model to safetensors or GGUF."},
    }};
    const File file(path);
    std::array<char, 8> head{};
    const size_t n = static_cast<size_t>(std::min<uint64_t>(file.size(), head.size()));
    file.read(0, std::as_writable_bytes(std::span(head).first(n)));
    for (const Magic& magic : kMagics) {
        if (std::string_view(head.data(), n).starts_with(magic.bytes)) {
            refuse(path, "format", magic.found, "a GGUF file or a Hugging Face folder",
                   std::string(magic.hint));
        }
    }
}

}  // namespace

std::unique_ptr<ModelSource> open_model(const std::string& path) {
    if (path.empty() || path.find('\0') != std::string::npos) {
        throw base::Error(base::ErrorKind::model, "the path of the model is empty or holds a NUL");
    }
    if (is_directory(path)) {
        return open_hf_folder(path);
    }
    refuse_foreign(path);
    return belongs_to_folder(path) ? open_hf_folder(folder_of(path)) : open_gguf(path);
}

}  // namespace model
