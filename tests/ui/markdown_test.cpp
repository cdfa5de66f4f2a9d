// Markdown of answers: blocks, tables, lists, links, the colours of code, and parsing while it
// grows.
#include "tests/support/catch.h"

#include <algorithm>

#include "app/ui/text/markdown.h"
#include "app/ui/text/table_widths.h"
#include "app/ui/window/open_address.h"

using namespace app::ui;

namespace {

void check_sources(const std::vector<Run>& runs, const std::string& source) {
    for (const Run& run : runs) {
        if (run.mapped && !run.soft_break) {
            CHECK(source.compare(run.source_begin, run.text.size(), run.text) == 0);
        }
    }
}

/// "keyword:if none: …" of all words that are not spaces.
CodeTone tone_of(const std::string& code, const std::string& language, const std::string& word) {
    const size_t at = code.find(word);
    REQUIRE(at != std::string::npos);
    for (const ToneSpan& span : tone_code(code, language)) {
        if (span.begin <= at && at < span.end) {
            return span.tone;
        }
    }
    return CodeTone::none;
}

}  // namespace

TEST_CASE("Markdown becomes blocks whose runs know their source") {
    const std::string source =
        "# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n\n```python\nif n:\n    return "
        "1\n```\n";
    const std::vector<Block> blocks = parse_markdown(source);
    REQUIRE(blocks.size() == 5);
    CHECK(blocks[0].kind == BlockKind::heading);
    CHECK(blocks[1].runs[1].style == RunStyle::bold);
    CHECK(blocks[2].marker == "•");
    CHECK(blocks[2].indent == 1);
    CHECK(blocks[4].kind == BlockKind::code);
    CHECK(blocks[4].language == "python");
    CHECK(block_text(blocks[4]) == "if n:\n    return 1");
    for (const Block& block : blocks) {
        check_sources(block.runs, source);
    }
}

TEST_CASE("a table has a head, rows, and the alignment of its columns") {
    const std::string source =
        "| Name | Size | Note |\n|:--|--:|:-:|\n| 270M | 0.3 | *small* |\n| 27B | 16.4 | a `b` |\n";
    const std::vector<Block> blocks = parse_markdown(source);
    REQUIRE(blocks.size() == 1);
    const Block& table = blocks[0];
    REQUIRE(table.kind == BlockKind::table);
    REQUIRE(table.rows.size() == 3);
    REQUIRE(table.rows[0].size() == 3);
    CHECK(table.rows[0][0].runs[0].style == RunStyle::bold);
    CHECK(table.rows[1][1].align == Align::right);
    CHECK(table.rows[1][2].align == Align::center);
    CHECK(table.rows[1][2].runs[0].style == RunStyle::italic);
    CHECK(block_text(table) == "Name\tSize\tNote\n270M\t0.3\tsmall\n27B\t16.4\ta b");
    for (const auto& row : table.rows) {
        for (const Cell& cell : row) {
            check_sources(cell.runs, source);
        }
    }
}

TEST_CASE("columns share the room that there is") {
    CHECK(column_widths({10, 20}, {40, 60}, 200) == std::vector<float>{40, 60});
    const std::vector<float> tight = column_widths({10, 20}, {40, 120}, 95);
    CHECK(tight[0] + tight[1] == 95);
    CHECK(tight[0] > 10);
    CHECK(tight[1] > 20);
    CHECK(column_widths({50, 60}, {70, 80}, 80) == std::vector<float>{50, 60});  // it scrolls
}

TEST_CASE("lists nest, count, and may be tasks") {
    const std::vector<Block> blocks = parse_markdown(
        "3. three\n4. four\n   - inner\n     - deeper\n\n- [ ] open\n- [x] done\n-\n- last\n");
    REQUIRE(blocks.size() == 8);
    CHECK(blocks[0].marker == "3.");
    CHECK(blocks[1].marker == "4.");
    CHECK(blocks[2].indent == 2);
    CHECK(blocks[2].marker == "•");
    CHECK(blocks[3].marker == "◦");
    CHECK(blocks[4].task == Task::open);
    CHECK(blocks[5].task == Task::done);
    CHECK(blocks[5].plain_marker == "- [x]");
    CHECK(blocks[6].runs.empty());
    CHECK(blocks[6].marker == "•");
    CHECK(block_text(blocks[7]) == "last");
}

TEST_CASE("one quote has one bar, and quotes nest") {
    const std::vector<Block> blocks = parse_markdown("> one\n>\n> two\n>> inner\n\n> another\n");
    REQUIRE(blocks.size() == 4);
    REQUIRE(blocks[0].bars.size() == 1);
    CHECK(blocks[0].bars[0].quote == blocks[1].bars[0].quote);
    REQUIRE(blocks[2].bars.size() == 2);
    CHECK(blocks[2].bars[0].quote == blocks[0].bars[0].quote);
    CHECK(blocks[3].bars[0].quote != blocks[0].bars[0].quote);
}

TEST_CASE("entities, struck words and line ends") {
    const std::vector<Block> blocks =
        parse_markdown("a&lt;b &#x41;&#233; ~~gone~~\nnext  \nbroken &nothing;");
    REQUIRE(blocks.size() == 1);
    CHECK(block_text(blocks[0]) == "a<b Aé gone next\nbroken &nothing;");
    CHECK(std::any_of(blocks[0].runs.begin(), blocks[0].runs.end(),
                      [](const Run& r) { return r.struck && r.text == "gone"; }));
    CHECK(std::any_of(blocks[0].runs.begin(), blocks[0].runs.end(),
                      [](const Run& r) { return r.soft_break; }));
}

TEST_CASE("hostile Markdown ends, flat, and pictures are links") {
    std::string deep;
    for (int i = 0; i < 2000; ++i) {
        deep += std::string(size_t(std::min(i, 60)) * 2, ' ') + "- x\n";
    }
    for (const Block& block : parse_markdown(deep)) {
        CHECK(block.indent <= kMaxIndent);
    }
    CHECK_FALSE(parse_markdown("```\nnever closed").empty());
    CHECK_FALSE(parse_markdown(std::string(5000, '>') + " x").empty());
    const std::vector<Block> link =
        parse_markdown("[a](file:///etc/passwd) ![b](http://x/y.png) ![](http://x/z.png)");
    REQUIRE(link.size() == 1);
    CHECK(block_text(link[0]) == "a Picture: b Picture: http://x/z.png");
    CHECK(link[0].runs[0].link == "file:///etc/passwd");
    CHECK(link[0].runs[3].link == "http://x/y.png");
    parse_markdown(std::string_view("\0\xFF\xFE*_`[", 7));
}

TEST_CASE("only addresses of the web and of mail are opened") {
    CHECK(can_open_address("https://example.org/a?b=c#d"));
    CHECK(can_open_address("mailto:a@example.org"));
    for (const char* bad : {"file:///etc/passwd", "javascript:alert(1)", "https://", "", "-h",
                            "https://a b", "https://a\nb", "data:text/html,x"}) {
        INFO(bad);
        CHECK_FALSE(can_open_address(bad));
    }
}

TEST_CASE("code is coloured by language") {
    const std::string cpp =
        "#include <vector>\n// note\nint main() {\n  auto s = R\"x(a \"quote\" )x\";\n"
        "  return f(0x1F); /* two\nlines */ }\n";
    CHECK(tone_of(cpp, "cpp", "#include") == CodeTone::keyword);
    CHECK(tone_of(cpp, "cpp", "<vector>") == CodeTone::string);
    CHECK(tone_of(cpp, "cpp", "// note") == CodeTone::comment);
    CHECK(tone_of(cpp, "C++", "main") == CodeTone::function);
    CHECK(tone_of(cpp, "cpp", "quote") == CodeTone::string);
    CHECK(tone_of(cpp, "cpp", "0x1F") == CodeTone::number);
    CHECK(tone_of(cpp, "cpp", "lines") == CodeTone::comment);
    CHECK(tone_of(cpp, "cpp", "return") == CodeTone::keyword);
    CHECK(tone_of("static int x; class y", "c", "class") == CodeTone::none);

    const std::string py =
        "@cache\ndef f(n):\n    '''doc\n    # in it'''\n    return f\"{n}\" # end\n";
    CHECK(tone_of(py, "python", "@cache") == CodeTone::function);
    CHECK(tone_of(py, "py", "def") == CodeTone::keyword);
    CHECK(tone_of(py, "python", "# in it") == CodeTone::string);
    CHECK(tone_of(py, "python", "{n}") == CodeTone::string);
    CHECK(tone_of(py, "python", "# end") == CodeTone::comment);

    const std::string js = "const f = (x) => `a\n${x}`; // \"no\"";
    CHECK(tone_of(js, "javascript", "const") == CodeTone::keyword);
    CHECK(tone_of(js, "ts", "${x}") == CodeTone::string);
    CHECK(tone_of(js, "js", "\"no\"") == CodeTone::comment);

    const std::string json = "{\"key\": \"value\", \"n\": -1.5e3, \"ok\": true}";
    CHECK(tone_of(json, "json", "\"key\"") == CodeTone::function);
    CHECK(tone_of(json, "json", "\"value\"") == CodeTone::string);
    CHECK(tone_of(json, "json", "1.5e3") == CodeTone::number);
    CHECK(tone_of(json, "json", "true") == CodeTone::keyword);

    const std::string rust =
        "fn f<'a>(x: &'a str) -> char { println!(\"{}\", r#\"a\"b\"#); /* a /* b */ c */ '\\n' }";
    CHECK(tone_of(rust, "rust", "fn") == CodeTone::keyword);
    CHECK(tone_of(rust, "rust", "'a>") == CodeTone::keyword);
    CHECK(tone_of(rust, "rs", "println!") == CodeTone::function);
    CHECK(tone_of(rust, "rust", "a\"b") == CodeTone::string);
    CHECK(tone_of(rust, "rust", "c */") == CodeTone::comment);
    CHECK(tone_of(rust, "rust", "'\\n'") == CodeTone::string);

    const std::string sh = "for f in *.txt; do\n  grep -n \"a $b\" \"$f\" | wc -l # count\ndone\n";
    CHECK(tone_of(sh, "bash", "for") == CodeTone::keyword);
    CHECK(tone_of(sh, "sh", "grep") == CodeTone::function);
    CHECK(tone_of(sh, "sh", "wc") == CodeTone::function);
    CHECK(tone_of(sh, "sh", "# count") == CodeTone::comment);
    CHECK(tone_of("echo $HOME#x", "sh", "$HOME") == CodeTone::number);
    CHECK(tone_of("echo $HOME#x", "sh", "#x") != CodeTone::comment);
    CHECK(tone_of("def f(): pass", "", "def") == CodeTone::keyword);  // guessed
    CHECK(tone_of("plain words if any", "", "if") == CodeTone::none);
    CHECK(knows_language("Rust"));
    CHECK_FALSE(knows_language("klingon"));
}

TEST_CASE("the colours of any code cover it without gaps") {
    const std::string torn = "R\"(never closed '''\" /* ` $ ${ # \\";
    for (const char* language : {"c", "cpp", "python", "js", "json", "rust", "sh", "go", "java",
                                 "sql", "yaml", "ruby", "lua", "html", "css", "", "unknown"}) {
        for (size_t n = 0; n <= torn.size(); ++n) {
            uint32_t at = 0;
            for (const ToneSpan& span : tone_code(torn.substr(n) + torn.substr(0, n), language)) {
                CHECK(span.begin == at);
                CHECK(span.end > span.begin);
                at = span.end;
            }
            CHECK(at == torn.size());
        }
    }
}

TEST_CASE("the last block begins where nothing before can change any more") {
    const auto rest = [](const std::string& text) {
        return text.substr(last_block_start(text, 0));
    };
    CHECK(rest("one\ntwo") == "one\ntwo");
    CHECK(rest("one\n\ntwo") == "two");
    CHECK(rest("one\n\n- a\n\n- b") == "one\n\n- a\n\n- b");  // the list may go on
    CHECK(rest("- a\n\n  more\n\nend") == "end");
    CHECK(rest("```\na\n\nb") == "```\na\n\nb");  // in a fence
    CHECK(rest("````\n```\n\nb") == "````\n```\n\nb");
    CHECK(rest("```\na\n\nb\n```\n\nend") == "end");
    CHECK(rest("``` `not a fence\n\nend") == "end");
}
