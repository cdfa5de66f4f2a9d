// Exported views: each format parses, and holds what it was given.
#include "app/exports/view_export.h"
#include "app/exports/picture.h"
#include "model/json_reader.h"
#include "tests/support/npz.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

using namespace app;

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
const std::string kNasty = "<a href=\"x\">, \"q\" & \n\x01 Zoë 日本 😊";

ViewExport matrix() {
    ViewExport view{
        .view = "matrix", .title = "Attention <of> layer 2", .badge = "recomputed exact"};
    view.facts = {{"model", kNasty}, {"seed", "7"}};
    view.token_ids = {2, 818, 5279};
    view.tokens = {"<bos>", kNasty, "<0xE2>"};
    view.token_bytes = {"", kNasty, "\xE2"};
    for (const int32_t layer : {2, 5}) {
        view.grids.push_back({.name = "pattern",
                              .layer = layer,
                              .head = 1,
                              .n_rows = 3,
                              .n_cols = 3,
                              .values = {1, kNone, kNone, 0.25f, 0.75f, kNone, 0.1f, 0.2f,
                                         0.7f - 0.01f * float(layer)}});
    }
    return view;
}

ViewExport table() {
    ViewExport view{.view = "next", .title = "Next", .badge = "captured"};
    view.table.columns = {"rank", "text", "probability"};
    view.table.rows = {{0.0, kNasty, 0.5}, {1.0, std::string("b"), std::nan("")}};
    return view;
}

/// Every tag that opens closes, in order; "" or what is wrong.
std::string markup_fault(const std::string& text) {
    std::vector<std::string> open;
    for (size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
        const size_t end = text.find('>', at);
        if (end == std::string::npos) {
            return "an open tag";
        }
        const std::string tag = text.substr(at + 1, end - at - 1);
        const std::string name = tag.substr(tag[0] == '/' ? 1 : 0,
                                            tag.find_first_of(" />", 1) - (tag[0] == '/' ? 1 : 0));
        if (tag[0] == '!' || tag.ends_with('/') || name == "meta") {
            continue;
        }
        if (tag[0] != '/') {
            open.push_back(name);
        } else if (open.empty() || open.back() != name) {
            return "</" + name + "> closes nothing";
        } else {
            open.pop_back();
        }
    }
    return open.empty() ? "" : open.back() + " is not closed";
}

/// Fields of RFC 4180, quoted ones with line breaks.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
    std::vector<std::vector<std::string>> rows(1);
    std::string field;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        if (quoted) {
            if (text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
                field += text[++i];
            } else if (text[i] == '"') {
                quoted = false;
            } else {
                field += text[i];
            }
        } else if (text[i] == '"') {
            quoted = true;
        } else if (text[i] == ',' || text[i] == '\n') {
            rows.back().push_back(std::move(field));
            field.clear();
            if (text[i] == '\n') {
                rows.emplace_back();
            }
        } else if (text[i] != '\r') {
            field += text[i];
        }
    }
    rows.pop_back();
    return rows;
}

uint32_t big_endian(const std::vector<uint8_t>& bytes, size_t at) {
    return uint32_t(bytes[at]) << 24 | uint32_t(bytes[at + 1]) << 16 |
           uint32_t(bytes[at + 2]) << 8 | bytes[at + 3];
}

}  // namespace

TEST_CASE("text in XML has no character that XML lacks") {
    CHECK(markup("a<b>&\"\x01\n") == "a&lt;b&gt;&amp;&quot; \n");
    CHECK(markup("\xEF\xBF\xBE-\xEF\xBF\xBF-\xEF\xBF\xBD") ==
          "\xEF\xBF\xBD-\xEF\xBF\xBD-\xEF\xBF\xBD");
}

TEST_CASE("the format follows the ending") {
    CHECK(export_format("a.png") == ExportFormat::png);
    CHECK(export_format("Zoë/b.html") == ExportFormat::html);
    CHECK_THROWS_AS(export_format("a.pdf"), base::Error);
    CHECK_THROWS_AS(export_format("png"), base::Error);
}

TEST_CASE("CSV holds every visible cell, and any text") {
    const auto cells = parse_csv(export_csv(matrix()));
    REQUIRE(cells.size() == 1 + 2 * 6);
    CHECK(cells[0] == std::vector<std::string>{"layer", "head", "row", "column", "pattern"});
    CHECK(cells[2] == std::vector<std::string>{"2", "1", "1", "0", "0.25"});
    ViewExport pooled = matrix();
    for (ExportGrid& grid : pooled.grids) {
        grid.rest = {kNone, 0.125f, 0.0625f};
    }
    const auto both = parse_csv(export_csv(pooled));
    CHECK(both[0].back() == "without_key_0");
    CHECK(both[1] == std::vector<std::string>{"2", "1", "0", "0", "1", ""});
    CHECK(both[2] == std::vector<std::string>{"2", "1", "1", "0", "0.25", "0.125"});
    CHECK(both[3] == std::vector<std::string>{"2", "1", "1", "1", "0.75", "0.75"});
    const auto rows = parse_csv(export_csv(table()));
    REQUIRE(rows.size() == 3);
    CHECK(rows[1] == std::vector<std::string>{"0", kNasty, "0.5"});
    CHECK(rows[2][2].empty());
}

TEST_CASE("JSON parses, and masked cells are null") {
    const model::Json json = model::parse_json(export_json(matrix()), "export");
    CHECK(*json.find("format")->text() == "lapidary-view");
    CHECK(*json.find("badge")->text() == "recomputed exact");
    CHECK(*json.find("facts")->find("model")->text() == kNasty);
    const auto& grids = *json.find("grids")->array();
    REQUIRE(grids.size() == 2);
    const auto& row = *(*grids[0].find("values")->array())[1].array();
    CHECK(row[1].number() == 0.75);
    CHECK(row[2].is_null());
    CHECK(*(*json.find("tokens")->array())[0].text() == "");
    CHECK(*(*json.find("tokens")->array())[1].text() == kNasty);
    CHECK((*json.find("tokens")->array())[2].is_null());
    CHECK(*(*json.find("tokens_shown")->array())[2].text() == "<0xE2>");
    CHECK((*json.find("token_bytes")->array())[1].is_null());
    CHECK(*(*json.find("token_bytes")->array())[2].text() == "e2");
    const model::Json rows = model::parse_json(export_json(table()), "export");
    CHECK(*(*(*rows.find("rows")->array())[0].array())[1].text() == kNasty);
}

TEST_CASE("NPZ has the arrays of a trace, equal to the view") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "view.npz").string();
    write_export(matrix(), ExportFormat::npz, path);
    const support::Npz npz = support::read_npz(path);
    const support::NpyArray& pattern = npz.at("pattern");
    CHECK(pattern.shape == std::vector<uint64_t>{2, 1, 3, 3});
    const std::vector<ExportGrid> grids = matrix().grids;
    for (size_t g = 0; g < 2; ++g) {
        for (size_t i = 0; i < 9; ++i) {
            const float wanted = grids[g].values[i];
            CHECK(pattern.values[g * 9 + i] == double(std::isnan(wanted) ? 0 : wanted));
        }
    }
    CHECK(npz.at("layers").values == std::vector<double>{2, 5});
    CHECK(npz.at("heads").values == std::vector<double>{1});
    CHECK(npz.at("queries").values == std::vector<double>{0, 1, 2});
    CHECK(npz.at("tokens").values == std::vector<double>{2, 818, 5279});
    CHECK(npz.at("token_offsets").values ==
          std::vector<double>{0, 0, double(kNasty.size()), double(kNasty.size() + 1)});
    CHECK(npz.at("token_bytes").values.back() == 0xE2);
    write_export(table(), ExportFormat::npz, path);
    const support::Npz rows = support::read_npz(path);
    CHECK(rows.at("probability").values[0] == 0.5);
    CHECK(std::isnan(rows.at("probability").values[1]));
    CHECK(rows.at("text_offsets").values ==
          std::vector<double>{0, double(kNasty.size()), double(kNasty.size() + 1)});
}

TEST_CASE("SVG and HTML are well-formed, whole in themselves, and name nothing outside") {
    for (const ViewExport& view : {matrix(), table()}) {
        for (std::string text : {export_svg(view), export_html(view)}) {
            INFO(text);
            CHECK(markup_fault(text).empty());
            CHECK(text.find(view.badge) != std::string::npos);
            // The one address is the name of SVG's namespace, which nothing fetches; patterns
            // are named within the file.
            for (const std::string name : {"http://www.w3.org/2000/svg", "url(#"}) {
                for (size_t at = text.find(name); at != std::string::npos; at = text.find(name)) {
                    text.erase(at, name.size());
                }
            }
            for (const char* outside :
                 {"http", "://", "\"//", "<script", "<link", "@import", "url("}) {
                CHECK(text.find(outside) == std::string::npos);
            }
            CHECK(text.find('\x01') == std::string::npos);
        }
    }
}

TEST_CASE("bare cells come once and twice as large, and no text comes without fonts") {
    ViewExport view = matrix();
    view.bare = true;
    const std::vector<uint8_t> once = export_png(view, 1), twice = export_png(view, 2);
    CHECK(once[1] == 'P');
    CHECK(big_endian(once, 16) > 100);
    CHECK(big_endian(twice, 16) > big_endian(once, 16));
    CHECK(2 * big_endian(once, 20) - big_endian(twice, 20) == 2);  // the gap of two stays
    CHECK_THROWS_AS(export_png(table(), 1), base::Error);
    CHECK_THROWS_AS(export_png(matrix(), 1), base::Error);
}

TEST_CASE("a token has its exact text, what lists show, and the bytes of what is no text") {
    ViewExport view{.view = "tokens", .title = "t", .badge = "b"};
    view.table.columns = {"position", "text", "shown", "bytes"};
    const std::optional<std::string> texts[] = {" hello", "\n\n", "\xE2\x96", "", std::nullopt};
    const char* const shown[] = {"\u2423hello", "\u21B5\u00D72", "<0xE2><0x96>", "<bos>", "?"};
    for (size_t i = 0; i < std::size(texts); ++i) {
        std::vector<ExportCell> row{double(i)};
        add_token(row, texts[i], shown[i]);
        view.table.rows.push_back(std::move(row));
    }
    const auto csv = parse_csv(export_csv(view));
    REQUIRE(csv.size() == 6);
    CHECK(csv[1] == std::vector<std::string>{"0", " hello", "\u2423hello", ""});
    CHECK(csv[2] == std::vector<std::string>{"1", "\n\n", "\u21B5\u00D72", ""});
    CHECK(csv[3] == std::vector<std::string>{"2", "", "<0xE2><0x96>", "e296"});
    CHECK(csv[4] == std::vector<std::string>{"3", "", "<bos>", ""});
    const model::Json json = model::parse_json(export_json(view), "export");
    const auto& rows = *json.find("rows")->array();
    const auto cell = [&](size_t r, size_t c) -> const model::Json& {
        return (*rows[r].array())[c];
    };
    CHECK(*cell(0, 1).text() == " hello");
    CHECK(*cell(1, 1).text() == "\n\n");
    CHECK(cell(1, 3).is_null());
    CHECK(cell(2, 1).is_null());
    CHECK(*cell(2, 3).text() == "e296");
    CHECK(*cell(3, 1).text() == "");
    CHECK(cell(4, 1).is_null());  // of a recording that did not keep it
    CHECK(cell(4, 3).is_null());
    CHECK(export_html(view).find("<td> hello</td><td>\u2423hello</td>") != std::string::npos);
    // Pictures have the shown form.
    CHECK(export_svg(view).find(">\u2423hello<") != std::string::npos);
}

TEST_CASE("a file that cannot be written is a sentence in the window") {
    CHECK(try_write_export(table(), ExportFormat::csv, "/proc/no/such.csv", 1).find("/proc") !=
          std::string::npos);
    const support::TempDir dir;
    CHECK(try_write_export(table(), ExportFormat::csv, (dir.path() / "a.csv").string(), 1).empty());
    CHECK(std::filesystem::exists(dir.path() / "a.csv"));
}

TEST_CASE("the picture of the layers says which layer, and after what") {
    ViewExport view{.view = "lens", .title = "t", .badge = "b"};
    view.table.columns = {"layer", "text", "id", "probability", "residual"};
    view.table.rows = {{0.0, std::string("was"), 7.0, 0.25, std::string("resid_mid")},
                       {0.0, std::string("is"), 8.0, 0.5, std::string("resid_post")}};
    const std::string svg = export_svg(view);
    CHECK(svg.find(">0 attention  was<") != std::string::npos);
    CHECK(svg.find(">0 MLP  is<") != std::string::npos);
}
