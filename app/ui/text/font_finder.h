// FontFinder: which font of this machine has a character. The likely ones are asked at once; only a
// character that none of them has starts a look through all fonts, in a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "app/ui/text/font_files.h"

struct FT_FaceRec_;
struct FT_LibraryRec_;

namespace app::ui {

class FontFinder {
public:
    /// Opens nothing yet.
    FontFinder(FontIndex index, std::string language);
    ~FontFinder();
    FontFinder(const FontFinder&) = delete;
    FontFinder& operator=(const FontFinder&) = delete;

    /// Null: none has it, or none that was found so far (then `searching`).
    FT_FaceRec_* find(char32_t c);
    bool searching() const { return scan_.joinable() && !scanned_; }
    /// Once after the look through all fonts is over: true when some answers may differ now.
    bool take_news();
    /// Groups of characters that no font here has, that were asked for since the last call.
    std::vector<FontGroup> take_missing();
    /// Paths of the fonts that were opened, for the list of facts.
    std::vector<std::string> opened() const;

private:
    struct Coverage {
        std::string path;
        std::vector<std::pair<uint32_t, uint32_t>> ranges;
    };
    FT_FaceRec_* open(const std::string& path, int face);
    FT_FaceRec_* look(char32_t c);
    void scan();

    FontIndex index_;
    std::string language_;
    FT_LibraryRec_* library_ = nullptr;
    std::map<std::pair<std::string, int>, FT_FaceRec_*> faces_;
    std::unordered_map<char32_t, FT_FaceRec_*> found_;
    std::vector<char32_t> waiting_;  // asked for before the scan was over
    std::vector<FontGroup> missing_;
    bool told_ = false;

    std::thread scan_;
    std::atomic<bool> scanned_{false}, stop_{false};
    std::vector<Coverage> coverage_;  // written by the scan, read once it is over
};

}  // namespace app::ui
