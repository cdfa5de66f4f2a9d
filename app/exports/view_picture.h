// Pictures of exported views: what a figure in a paper or on a slide needs, laid out without a
// window and without fonts.
#pragma once

#include "app/exports/picture.h"
#include "app/exports/view_export.h"

namespace app {

/// Of cells: title, what the rows and columns are, the cells, their legend and a caption.
/// (matrix_picture.cpp, heads_picture.cpp)
Picture matrix_picture(const ViewExport& view);
Picture heads_picture(const ViewExport& view);
/// A view without cells: title, source, and a row for each of the table's with its bar.
Picture table_picture(const ViewExport& view);
/// Whichever of them the view has.
Picture view_picture(const ViewExport& view);

}  // namespace app
