// Exports from the window: key E, every view in every format, equal to what the window holds.
#include "app/exports/view_picture.h"
#include "app/ui/text/picture_painter.h"
#include "app/ui/view_data.h"
#include "tests/support/npz.h"
#include "tests/support/png.h"
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
    use_picture_painter(&ui::paint_picture);
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
    // Another view has another name, and what was exported before stays.
    r.play(
        "key Escape\nwait frames 3\nclick top.export\nwait frames 4\nclick export.format.PNG\n"
        "wait frames 2\n");
    CHECK(r.view().exporting.path == (dir.path() / "lapidary-matrix-2.png").string());
    r.play("click export.view.Heads\nwait frames 2\n");
    CHECK(r.view().exporting.path == (dir.path() / "lapidary-heads.png").string());
    r.play("click export.go\nwait frames 4\nrefute Export a view\n");
    CHECK(std::filesystem::exists(dir.path() / "lapidary-heads.png"));
}

TEST_CASE("a view of text becomes a picture with bars as long as its numbers") {
    const support::TempDir dir;
    use_picture_painter(&ui::paint_picture);
    Rig r;
    r.play(kTalk);
    r.view().exporting.path = (dir.path() / "x.png").string();
    r.play(
        "click token.9\nwait idle\nkey 3\nwait frames 2\nclick top.export\nwait frames 4\n"
        "click export.format.PNG\nclick export.scale.2x\nclick export.go\nwait frames 4\n"
        "refute Export a view\n");
    const support::Png png = support::read_png(r.view().exporting.path);
    const ViewExport view = ui::view_data(r.state(), "next");
    const Picture picture = table_picture(view);
    CHECK(view.title.find("raw probabilities") != std::string::npos);
    REQUIRE(png.width == 1440);
    REQUIRE(double(png.height) == 2 * picture.height);
    const auto pixel = [&](uint32_t x, uint32_t y) {
        const uint8_t* at = png.rgb.data() + (size_t{y} * png.width + x) * 3;
        return Rgb{at[0], at[1], at[2]};
    };
    const auto boxes = std::span(picture.boxes).first(3);
    for (const PictureBox& box : boxes) {
        const auto y = uint32_t(2 * box.y) + 2;
        const auto end = uint32_t(std::lround(2 * (box.x + box.width)));
        CHECK(pixel(end - 1, y) == box.color);
        CHECK(pixel(end, y) == picture.colors().page);
    }
    // Ink where the title and the first token's text are, none between the rows.
    const auto ink = [&](uint32_t x0, uint32_t x1, uint32_t y0, uint32_t y1) {
        size_t n = 0;
        for (uint32_t y = y0; y < y1; ++y) {
            for (uint32_t x = x0; x < x1; ++x) {
                n += pixel(x, y)[0] < 100 ? 1 : 0;
            }
        }
        return n;
    };
    CHECK(ink(120, 800, 16, 46) > 100);
    CHECK(ink(200, 386, 104, 132) > 10);
    CHECK(ink(0, 1440, png.height - 20, png.height) == 0);
}

TEST_CASE("a picture has characters of every script, and is no higher than viewers open") {
    Picture picture{.width = 200, .height = 40};
    picture.texts = {{.x = 10, .y = 25, .size = 16, .text = "a\u2423\u21B5\u00DF"},
                     {.x = 190, .y = 25, .size = 16, .align = Align::right, .text = "ij"}};
    std::string problem;
    const Pixels pixels = ui::paint_picture(picture, 1, problem);
    REQUIRE(problem.empty());
    size_t left = 0, right = 0;
    for (uint32_t y = 0; y < pixels.height; ++y) {
        for (uint32_t x = 0; x < pixels.width; ++x) {
            const bool dark = pixels.rgb[(size_t{y} * pixels.width + x) * 3] < 128;
            left += dark && x < 60 ? 1 : 0;
            right += dark && x >= 170 ? 1 : 0;
            CHECK_FALSE((dark && (x < 9 || x > 191)));
        }
    }
    CHECK(left > 40);
    CHECK(right > 8);

    use_picture_painter(&ui::paint_picture);
    ViewExport view{.view = "tokens", .title = "t", .badge = "b"};
    view.table.columns = {"text", "probability"};
    view.table.rows.assign(2000, {std::string("x"), 0.5});
    CHECK_THROWS_AS(export_png(view, 1), base::Error);
    CHECK(export_svg(view).size() > 2000);
}

TEST_CASE("the figure of the matrix has its cells' colours, and the chosen theme") {
    const support::TempDir dir;
    use_picture_painter(&ui::paint_picture);
    Rig r;
    r.play(kTalk);
    r.play("select head 2 1\nwait idle\n");
    r.view().exporting.path = (dir.path() / "x.png").string();
    r.play(
        "key Escape\nwait frames 3\nkey E\nwait frames 4\nclick export.theme.dark\nclick "
        "export.scale.2x\nclick export.go\nwait frames 4\nrefute Export a view\n");
    const support::Png png = support::read_png(r.view().exporting.path);
    ViewExport view = ui::view_data(r.state(), "matrix");
    view.dark = true;
    const Picture picture = view_picture(view);
    REQUIRE(png.width == 2 * std::ceil(picture.width));
    const auto pixel = [&](double x, double y) {
        const uint8_t* at =
            png.rgb.data() + (size_t(std::lround(2 * y)) * png.width + size_t(2 * x)) * 3;
        return Rgb{at[0], at[1], at[2]};
    };
    CHECK(pixel(2, 2) == picture.colors().page);
    const PictureCells& cells = picture.cells.front();
    size_t n_colors = 0;
    for (uint32_t q = 0; q < cells.n_rows; ++q) {
        for (uint32_t k = 0; k < cells.n_cols; ++k) {
            const size_t at = size_t{q} * cells.n_cols + k;
            if (cells.kinds[at] == CellKind::color) {
                ++n_colors;
                CHECK(pixel(cells.x + (k + 0.5) * cells.cell_width,
                            cells.y + (q + 0.5) * cells.cell_height) == cells.colors[at]);
            }
        }
    }
    CHECK(n_colors > 100);
    // The mode of the window, which is the gutter: the strongest key but 0 has the last colour.
    CHECK(std::ranges::count(cells.colors, attention_color(true, 1)) > 0);
    CHECK(std::ranges::any_of(picture.texts, [](const PictureText& t) {
        return t.text.find("sink in the gutter") != std::string::npos;
    }));
}

TEST_CASE("turned and centred texts stand where they should") {
    Picture picture{.width = 60, .height = 60};
    picture.texts = {
        {.x = 30, .y = 50, .size = 16, .turned = true, .text = "Lll"},
    };
    std::string problem;
    const auto box = [&] {
        const Pixels p = ui::paint_picture(picture, 1, problem);
        REQUIRE(problem.empty());
        std::array<uint32_t, 4> out{60, 60, 0, 0};
        for (uint32_t y = 0; y < p.height; ++y) {
            for (uint32_t x = 0; x < p.width; ++x) {
                if (p.rgb[(size_t{y} * p.width + x) * 3] < 128) {
                    out = {std::min(out[0], x), std::min(out[1], y), std::max(out[2], x),
                           std::max(out[3], y)};
                }
            }
        }
        return out;
    };
    const auto turned = box();
    CHECK(turned[2] <= 30);  // above the baseline is to the left of it
    CHECK(turned[0] >= 15);
    CHECK(turned[3] <= 50);
    CHECK(turned[1] < 40);
    picture.texts[0].turned = false;
    picture.texts[0].y = 40;
    picture.texts[0].align = Align::center;
    const auto centred = box();
    CHECK(std::abs(int(centred[0] + centred[2]) - 60) <= 5);
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

TEST_CASE("exported tokens are the model's texts, not the signs of lists") {
    Rig r;
    r.play(kTalk);
    r.play("click token.9\nwait idle\ntab 4\nwait idle\n");
    for (const char* name : {"tokens", "next", "lens"}) {
        const ViewExport view = ui::view_data(r.state(), name);
        const auto column = [&](const char* wanted) {
            return size_t(std::ranges::find(view.table.columns, wanted) -
                          view.table.columns.begin());
        };
        INFO(name);
        REQUIRE(column("bytes") == column("text") + 2);
        size_t n_spaces = 0;
        for (const auto& row : view.table.rows) {
            const auto id = size_t(std::get<double>(row[column("id")]));
            const std::string& exact = std::get<std::string>(row[column("text")]);
            CHECK(exact == *r.state().model->bytes_of(TokenId(id)));
            n_spaces += exact.starts_with(' ') ? 1 : 0;
        }
        CHECK(n_spaces > 0);
    }
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
    use_picture_painter(&ui::paint_picture);
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
