#include <filesystem>
#include <string>
#include <vector>

#include "app/engine/engine.h"
#include "gpu/base.h"

namespace app {

std::string shipped_model_path() {
    namespace fs = std::filesystem;
    const fs::path name = "lapidary-demo.gguf";
    std::error_code ignored;
    const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();

    std::vector<fs::path> places;
    if (!folder.empty()) {
        places.push_back(folder.parent_path() / "share" / "lapidary" / name);  // installed
        // Built inside the source tree: <source>/build/<preset>/lapidary.
        places.push_back(folder.parent_path().parent_path() / "assets" / "demo" / name);
    }
#ifdef LAPIDARY_SOURCE_DIR
    places.push_back(fs::path(LAPIDARY_SOURCE_DIR) / "assets" / "demo" / name);
#endif
    std::string looked_at;
    for (const fs::path& place : places) {
        if (fs::is_regular_file(place, ignored)) {
            return place.string();
        }
        looked_at += (looked_at.empty() ? "" : ", ") + place.string();
    }
    throw base::Error(base::ErrorKind::model,
                      "the shipped model is at none of its places: " + looked_at,
                      "Install the program again, or name a model with -m.");
}

}  // namespace app
