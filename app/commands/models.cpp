// models: what is on this machine already, and whether it fits. Nothing is opened for good, nothing
// is written.
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/home_folder.h"
#include "app/json_out.h"
#include "app/library/discovery.h"
#include "app/library/fit_check.h"
#include "gpu/device.h"
#include "gpu/pick.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

namespace app {

namespace {

/// The device that models would be opened on; nothing where there is none, which `models` can do
/// without.
std::optional<gpu::DeviceInfo> device_of(const Options& options) {
    std::string selector = options.device;
    if (const char* wanted = std::getenv("LAPIDARY_GPU"); selector.empty() && wanted != nullptr) {
        selector = wanted;
    }
    try {
        std::vector<gpu::DeviceInfo> devices = gpu::list_devices();
        const gpu::Pick pick = gpu::pick_device(devices, selector);
        return std::move(devices[pick.index]);
    } catch (const base::Error& error) {
        if (!options.device.empty()) {
            throw;
        }
        tell("lapidary: whether models fit is not known: {}\n", error.what());
        return std::nullopt;
    }
}

/// The folders as whole paths, each of them known to be there and readable: what is looked through
/// in vain is not what was asked for. Throws base::Error(usage).
std::vector<std::string> named_folders(const std::vector<std::string>& folders) {
    std::vector<std::string> paths;
    for (const std::string& folder : folders) {
        const std::string path = std::filesystem::absolute(expand_home(folder));
        DIR* const opened = ::opendir(path.c_str());
        if (opened == nullptr) {
            throw base::Error(
                base::ErrorKind::usage,
                fmt::format("--folder {}: {}", base::escaped(folder, 400), std::strerror(errno)),
                "Give a folder that can be read.");
        }
        ::closedir(opened);
        paths.push_back(path);
    }
    return paths;
}

std::string room_text(const FoundModel& model, const std::optional<FitReport>& fit) {
    if (!model.problem.empty()) {
        return model.problem;
    }
    if (!fit) {
        return {};
    }
    if (fit->best_n_ctx == fit->n_ctx) {
        return "fits";
    }
    return fit->best_n_ctx != 0
               ? fmt::format("fits with a context of {} tokens", fit->best_n_ctx)
               : fmt::format("does not fit, {} more would do", memory_text(fit->short_bytes()));
}

void print_json(const FoundModel& model, const std::optional<FitReport>& fit) {
    JsonObject line;
    line.add("name", model.name)
        .add("path", model.path)
        .add("found_in", found_in_name(model.found_in))
        .add("bytes", model.n_bytes)
        .add("parts", model.n_parts)
        .add("type", model.type)
        .add("architecture", model.architecture)
        .add("problem", model.problem);
    if (fit) {
        line.add("fits", fit->best_n_ctx != 0)
            .add("n_ctx", fit->best_n_ctx)
            .add("need_bytes", fit->heaps[0].need_bytes)
            .add("free_bytes", fit->heaps[0].free_bytes);
    }
    put("{}\n", line.str());
}

}  // namespace

int models_command(const Options& options) {
    install_interrupt();
    const SearchRoots roots = search_roots(named_folders(options.folders),
                                           [](const char* name) { return std::getenv(name); });
    std::vector<FoundModel> models = find_models(roots, {}, interrupted);
    const std::optional<gpu::DeviceInfo> device = device_of(options);
    size_t n_foreign = 0;
    for (FoundModel& model : models) {
        if (interrupted()) {
            throw base::Cancelled();
        }
        describe(model);
        std::optional<FitReport> fit;
        if (device && model.config) {
            fit = check_fit(*device, {*model.config, model.weight_bytes});
        }
        n_foreign += model.foreign;
        if (options.json) {
            print_json(model, fit);
        } else if (!model.foreign) {
            put("{}  {}{}, {}\n    {}\n    {}\n", base::escaped(model.name),
                model.type.empty() ? "" : model.type + ", ", memory_text(model.n_bytes),
                found_in_name(model.found_in), base::escaped(model.path, 4096),
                base::escaped(room_text(model, fit), 400));
        }
    }
    if (!options.json && n_foreign > 0) {
        put("{} of other families than Gemma are not listed.\n", n_foreign);
    }
    if (models.empty()) {
        tell("lapidary: no models were found. Looked in:\n");
        for (const auto& [where, folder] : roots.folders) {
            tell("  {}\n", folder);
        }
    }
    return 0;
}

}  // namespace app
