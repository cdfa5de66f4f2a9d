#include "app/ui/widgets/matrix_place.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace app::ui {

std::pair<uint32_t, uint32_t> bins_of_pixel(int pixel, double cells_per_pixel, uint32_t first,
                                            uint32_t bin) {
    constexpr double kRounding = 1e-6;  // of cells: what a quotient may have lost
    const double from = double(first) + double(pixel) * cells_per_pixel + kRounding;
    const double to = from + cells_per_pixel;
    const auto begin = uint32_t(from / bin);
    return {begin, std::max(begin + 1, uint32_t(to / bin))};
}

std::optional<MatrixPlace::Span> MatrixPlace::under(float x, float y) const {
    if (!area.contains(x, y) || cell <= 0 || row <= 0) {
        return std::nullopt;
    }
    Span out;
    std::tie(out.query_begin, out.query_end) =
        bins_of_pixel(int(y - area.y), rows_per_pixel, first_query, row_bin());
    std::tie(out.column_begin, out.column_end) =
        bins_of_pixel(int(x - area.x), columns_per_pixel, first_key, column_bin());
    // The last pixel has the bin that the sequence ends in, too.
    if (int(y - area.y) + 1 >= int(area.h)) {
        out.query_end = std::max(out.query_end, (first_query + n_queries - 1) / row_bin() + 1);
    }
    if (int(x - area.x) + 1 >= int(area.w)) {
        out.column_end = std::max(out.column_end, (first_key + n - 1) / column_bin() + 1);
    }
    out = {out.query_begin * row_bin(), std::min(out.query_end * row_bin(), n_rows),
           out.column_begin * column_bin(), std::min(out.column_end * column_bin(), n_rows)};
    return out.query_begin < out.query_end && out.column_begin < out.column_end ? std::optional(out)
                                                                                : std::nullopt;
}

}  // namespace app::ui
