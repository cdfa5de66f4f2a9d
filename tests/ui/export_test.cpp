// Exports from the window: key E, every view in every format, equal to what the window holds.
#include "app/ui/view_data.h"
#include "tests/support/npz.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

#include <cmath>

using namespace app;
using test::Rig;

namespace {

const char* const kTalk = "wait ready\nsend What is attention\nwait idle\n";

}  // namespace

TEST_CASE("E opens the export, the format sets the ending, and the file appears") {
    const support::TempDir dir;
    Rig r;
    r.play(kTalk);
    r.view().exporting.path = (dir.path() / "x.png").string();
    r.play("key Escape\nwait frames 3\nkey E\nwait frames 4\nexpect Export a view\n");
    CHECK(r.view().exporting.path == (dir.path() / "lapidary-matrix.png").string());
    r.play("click export.go\nwait frames 4\nrefute Export a view\n");
    CHECK(std::filesystem::file_size(dir.path() / "lapidary-matrix.png") > 100);
    r.play(
        "key Escape\nwait frames 3\nkey E\nwait frames 4\nclick export.format.NPZ\nwait frames "
        "2\nclick export.go\nwait "
        "frames 4\n");
    CHECK(std::filesystem::exists(dir.path() / "lapidary-matrix.npz"));
    // A picture of text and bars is no PNG; the dialog says what is.
    r.play(
        "click top.export\nwait frames 4\nclick export.view.Tokens\nclick export.format.PNG\nclick "
        "export.go\nwait frames 2\nexpect take SVG or HTML\nkey Escape\nwait frames 4\n");
}

TEST_CASE("the NPZ of the matrix equals the cells on the screen") {
    const support::TempDir dir;
    Rig r;
    r.play(kTalk);
    r.play("select head 2 1\nwait idle\n");
    const std::string path = (dir.path() / "m.npz").string();
    REQUIRE(try_write_export(ui::view_data(r.state(), "matrix"), ExportFormat::npz, path, 1) == "");
    const support::Npz npz = support::read_npz(path);
    const ui::HeadMatrix& matrix = r.state().matrix;
    const support::NpyArray& pattern = npz.at("pattern");
    REQUIRE(pattern.shape ==
            std::vector<uint64_t>{1, 1, matrix.end() - matrix.begin(), matrix.end()});
    size_t n_visible = 0;
    for (uint32_t q = matrix.begin(); q < matrix.end(); ++q) {
        for (uint32_t k = 0; k < matrix.end(); ++k) {
            const double cell = pattern.values[size_t{q - matrix.begin()} * matrix.end() + k];
            CHECK(cell == double(matrix.visible(q, k) ? matrix.at(q, k) : 0));
            if (matrix.has_row(q) && matrix.visible(q, k)) {
                ++n_visible;
                CHECK(std::abs(cell - double(r.engine.weight(2, 1, q, k))) <= 2e-3);
            }
        }
    }
    CHECK(n_visible > 100);
}

TEST_CASE("every view has data, and each format takes it") {
    const support::TempDir dir;
    Rig r;
    r.play(kTalk);
    r.play("tab 4\nwait idle\n");
    for (const std::string_view name : ui::kExportViews) {
        const ViewExport view = ui::view_data(r.state(), name);
        INFO(name);
        REQUIRE_FALSE(view.empty());
        CHECK_FALSE(view.badge.empty());
        for (const char* ending : {"svg", "csv", "json", "npz", "html"}) {
            const std::string path = (dir.path() / (std::string(name) + "." + ending)).string();
            CHECK(try_write_export(view, export_format(path), path, 1) == "");
        }
    }
    CHECK(ui::view_data(ui::UiState{}, "matrix").empty());
}

TEST_CASE("a bare name lies in the proposed folder and gets the format's ending") {
    const support::TempDir dir;
    Rig r;
    r.play(kTalk);
    r.view().exporting.path = (dir.path() / "x.png").string();
    r.play("key Escape\nwait frames 3\nkey E\nwait frames 4\n");
    r.play(
        "key Ctrl+A\ntype mine\nwait frames 3\nclick export.go\nwait frames 4\nrefute Export a "
        "view\n");
    CHECK(std::filesystem::file_size(dir.path() / "mine.png") > 100);
    CHECK_FALSE(std::filesystem::exists("mine.png"));
    r.play("key Escape\nwait frames 3\nkey E\nwait frames 4\nexpect Export a view\n");
    CHECK(r.view().exporting.path == (dir.path() / "lapidary-matrix.png").string());
    r.play("key Escape\nwait frames 3\n");
}
