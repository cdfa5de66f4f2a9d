#include "app/commands/arg_options.h"

#include "gpu/base.h"

#include <charconv>
#include <system_error>

namespace app {

void usage(const std::string& message, std::string hint) {
    throw base::Error(base::ErrorKind::usage, message, std::move(hint));
}

double parse_number(std::string_view flag, const std::string& text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end) {
        usage(fmt::format("{} is '{}', expected a number", flag, base::escaped(text)));
    }
    return value;
}

int64_t parse_whole(std::string_view flag, const std::string& text, int64_t min, int64_t max) {
    int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end || value < min || value > max) {
        usage(fmt::format("{} is '{}', expected a whole number from {} to {}", flag,
                          base::escaped(text), min, max));
    }
    return value;
}

model::DType parse_cache_type(std::string_view flag, const std::string& text) {
    if (const auto type = model::parse_cache_type(text)) {
        return *type;
    }
    usage(fmt::format("{} is '{}', expected f16 or f32", flag, base::escaped(text)),
          "A quantized cache has no kernels here.");
}

std::string first_flag(const std::string& flags) {
    const std::string from = flags.substr(flags.find('-'));
    return from.substr(0, from.find(','));
}

CLI::Option* add_text(CLI::App* app, const std::string& flags, std::string description,
                      const std::function<void(const std::string&)>& set) {
    return app->add_option_function<std::string>(flags, set, std::move(description))->type_name("");
}

CLI::Option* add_name(CLI::App* app, const std::string& flags, std::string& name,
                      const std::string& description) {
    const std::string flag = first_flag(flags);
    return add_text(app, flags, description, [&name, flag](const auto& t) {
        if (t.empty()) {
            usage(flag + " is empty, expected a name");
        }
        name = t;
    });
}

void add_model(CLI::App* app, Options& o) {
    add_name(app, "-m,--model", o.model,
             "GGUF file or Hugging Face folder; without it, the small model that comes with "
             "Lapidary")
        ->type_name("PATH");
}

void add_device(CLI::App* app, Options& o) {
    add_name(app, "--device", o.device,
             "(-dev) Vulkan device: UUID, part of its name, index, or cpu; without it, the "
             "best")
        ->type_name("NAME");
}

void add_path(CLI::App* app, Options& o) {
    add_text(app, "--path",
             "Kernels: fast, or plain (exact, the same bits everywhere). Without it: fast where "
             "the device and the model allow it",
             [&o](const auto& t) {
                 if (t != "plain" && t != "fast") {
                     usage(fmt::format("--path is '{}', expected plain or fast", base::escaped(t)));
                 }
                 o.path = t == "fast" ? model::Path::fast : model::Path::plain;
             })
        ->type_name("NAME");
}

}  // namespace app
