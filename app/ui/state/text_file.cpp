#include "app/ui/state/text_file.h"

#include <exception>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "app/ui/widgets/format.h"
#include "model/file.h"
#include "model/utf8.h"

namespace app::ui {

std::optional<std::string> read_text_file(const std::string& path, std::string& problem) {
    std::error_code error;
    if (path.empty() || !std::filesystem::is_regular_file(path, error)) {
        problem = path.empty() ? "Paste a text, or type the path of a text file."
                               : "There is no such file.";
        return std::nullopt;
    }
    const auto bytes = std::filesystem::file_size(path, error);
    if (error || bytes > kMostTextBytes) {
        problem = fmt::format("The file has {}; texts up to {} are read.", file_size(bytes),
                              file_size(kMostTextBytes));
        return std::nullopt;
    }
    std::string text;
    try {
        text = model::read_text(path, kMostTextBytes);
    } catch (const std::exception&) {
        problem = "The file cannot be read.";
        return std::nullopt;
    }
    if (!model::utf8_valid(text) || text.find('\0') != std::string::npos) {
        problem = "The file is no UTF-8 text.";
    } else if (text.empty()) {
        problem = "The file is empty.";
    } else {
        return text;
    }
    return std::nullopt;
}

}  // namespace app::ui
