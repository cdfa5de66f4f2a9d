// What pictures of cells have in common: title, words of the model and the mode, legend, caption.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "app/exports/picture.h"
#include "app/exports/shown_cells.h"
#include "app/exports/view_export.h"

namespace app {

inline constexpr double kFigureMargin = 24;
inline constexpr double kLabelSize = 10, kNoteSize = 11;

/// "local, window 512"; "global"; empty where it is not known.
std::string layer_words(const ViewExport& view, int32_t layer);
/// What is done with key 0, and what the values are.
std::string sink_words(const ViewExport& view, bool pooled);

/// Parts joined by " · "; empty ones are left out.
std::string joined(std::span<const std::string> parts);

/// Title and one line below it. Returns the y below them.
double add_title(Picture& out, const std::string& title, const std::string& below);

struct Legend {
    ToneScale scale;
    std::string scale_words;      // "log scale, this head"
    std::vector<CellKind> kinds;  // that occur, without color
    bool gutter = false;          // key 0 has bars
};
/// Colours with their numbers, and the patterns by name. Returns the y below it.
double add_legend(Picture& out, const Legend& legend, double left, double right, double y);
/// The one line below everything: source, and what attention is not. Sets the picture's height.
void add_caption(Picture& out, const std::string& source, double y);

/// The picture becomes as wide as its texts need.
void widen(Picture& out, double right);

}  // namespace app
