#include "app/ui/markdown.h"

#include <md4c.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace app::ui {

namespace {

class Builder {
public:
    explicit Builder(std::string_view source) : source_(source) {}

    int enter_block(MD_BLOCKTYPE type, void* detail) {
        switch (type) {
            case MD_BLOCK_QUOTE:
                ++quotes_;
                break;
            case MD_BLOCK_UL:
                lists_.push_back(-1);
                break;
            case MD_BLOCK_OL:
                lists_.push_back(int(static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start));
                break;
            case MD_BLOCK_LI:
                item();
                break;
            case MD_BLOCK_HR:
                open(BlockKind::rule);
                break;
            case MD_BLOCK_H:
                open(BlockKind::heading).level =
                    int(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
                break;
            case MD_BLOCK_CODE: {
                Block& block = open(BlockKind::code);
                const auto* code = static_cast<MD_BLOCK_CODE_DETAIL*>(detail);
                block.language.assign(code->lang.text == nullptr ? "" : code->lang.text,
                                      code->lang.size);
                break;
            }
            case MD_BLOCK_P:
            case MD_BLOCK_HTML:
                open(BlockKind::paragraph);
                break;
            case MD_BLOCK_TR:
                open(BlockKind::table_row);
                break;
            case MD_BLOCK_TH:
                ++bold_;
                [[fallthrough]];
            case MD_BLOCK_TD:
                if (!blocks.empty() && !blocks.back().runs.empty()) {
                    blocks.back().runs.push_back(
                        {"   |   ", RunStyle::faint, CodeTone::none, 0, false, false});
                }
                break;
            default:
                break;
        }
        return 0;
    }

    int leave_block(MD_BLOCKTYPE type) {
        switch (type) {
            case MD_BLOCK_QUOTE:
                --quotes_;
                break;
            case MD_BLOCK_UL:
            case MD_BLOCK_OL:
                lists_.pop_back();
                break;
            case MD_BLOCK_TH:
                --bold_;
                break;
            case MD_BLOCK_CODE:
                finish_code();
                break;
            default:
                open_ = type == MD_BLOCK_LI ? false : open_;
                break;
        }
        if (type != MD_BLOCK_TH && type != MD_BLOCK_TD) {
            open_ = false;
        }
        return 0;
    }

    int span(MD_SPANTYPE type, void* detail, int step) {
        switch (type) {
            case MD_SPAN_STRONG:
                bold_ += step;
                break;
            case MD_SPAN_EM:
                italic_ += step;
                break;
            case MD_SPAN_CODE:
                code_ += step;
                break;
            case MD_SPAN_A:
                // Links are shown as what they are; nothing is opened from a model's answer.
                if (step < 0) {
                    const auto* link = static_cast<MD_SPAN_A_DETAIL*>(detail);
                    const std::string target(link->href.text == nullptr ? "" : link->href.text,
                                             link->href.size);
                    if (!target.empty() && !blocks.empty()) {
                        blocks.back().runs.push_back({" (" + target + ")", RunStyle::faint,
                                                      CodeTone::none, 0, false, false});
                    }
                }
                break;
            default:
                break;
        }
        return 0;
    }

    int text(MD_TEXTTYPE type, const char* data, size_t size) {
        if (!open_) {
            open(BlockKind::paragraph);  // tight list items have no paragraph of their own
        }
        Block& block = blocks.back();
        if (type == MD_TEXT_BR) {
            block.runs.push_back({});
            block.runs.back().line_break = true;
            return 0;
        }
        Run run;
        run.style = style();
        const std::string_view piece(data, size);
        run.mapped = data >= source_.data() && data + size <= source_.data() + source_.size();
        run.source_begin = run.mapped ? uint32_t(data - source_.data()) : 0;
        run.text = type == MD_TEXT_NULLCHAR ? "\xEF\xBF\xBD"
                   : type == MD_TEXT_SOFTBR ? " "
                   : type == MD_TEXT_ENTITY ? entity(piece)
                                            : std::string(piece);
        run.mapped = run.mapped && run.text == piece;
        block.runs.push_back(std::move(run));
        return 0;
    }

    std::vector<Block> blocks;

private:
    Block& open(BlockKind kind) {
        Block block;
        block.kind = kind;
        block.indent = std::min(int(lists_.size()) + quotes_, kMaxIndent);
        block.quote = quotes_ > 0;
        block.marker = std::exchange(marker_, {});
        blocks.push_back(std::move(block));
        open_ = true;
        return blocks.back();
    }

    void item() {
        open_ = false;
        if (lists_.empty()) {
            return;
        }
        int& n = lists_.back();
        marker_ = n < 0 ? "•" : std::to_string(n++) + ".";
    }

    RunStyle style() const {
        if (code_ > 0) {
            return RunStyle::code;
        }
        return bold_ > 0 ? (italic_ > 0 ? RunStyle::bold_italic : RunStyle::bold)
                         : (italic_ > 0 ? RunStyle::italic : RunStyle::plain);
    }

    static std::string entity(std::string_view name) {
        constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kKnown{
            {{"&amp;", "&"},
             {"&lt;", "<"},
             {"&gt;", ">"},
             {"&quot;", "\""},
             {"&apos;", "'"},
             {"&nbsp;", "\xC2\xA0"},
             {"&mdash;", "—"},
             {"&ndash;", "–"}}};
        for (const auto& [from, to] : kKnown) {
            if (from == name) {
                return std::string(to);
            }
        }
        return std::string(name);
    }

    /// md4c hands code over in pieces and with its line ends; here: one toned line after the other.
    void finish_code() {
        Block& block = blocks.back();
        std::vector<Run> lines;
        std::string line;
        uint32_t begin = 0;
        bool begun = false;
        const auto flush = [&](bool broken) {
            tone_code(line, begin, block.language, lines);
            if (broken) {
                lines.push_back({});
                lines.back().line_break = true;
            }
            line.clear();
            begun = false;
        };
        for (const Run& run : block.runs) {
            for (size_t i = 0; i < run.text.size(); ++i) {
                if (run.text[i] == '\n') {
                    flush(true);
                    continue;
                }
                if (!begun && run.mapped) {
                    // Indentation comes from md4c's own spaces, which stand before in the source.
                    begin = run.source_begin + uint32_t(i) - uint32_t(line.size());
                    begun = true;
                }
                line += run.text[i];
            }
        }
        if (!line.empty()) {
            flush(false);
        } else if (!lines.empty() && lines.back().line_break) {
            lines.pop_back();
        }
        block.runs = std::move(lines);
    }

    std::string_view source_;
    std::vector<int> lists_;  // -1: bullets, else the next number
    int quotes_ = 0, bold_ = 0, italic_ = 0, code_ = 0;
    std::string marker_;
    bool open_ = false;
};

constexpr std::string_view kKeywords[] = {
    "and",     "as",     "assert", "async",  "auto",     "await",  "bool",     "break",  "case",
    "catch",   "char",   "class",  "const",  "continue", "def",    "default",  "del",    "do",
    "double",  "elif",   "else",   "enum",   "except",   "export", "extends",  "false",  "False",
    "finally", "float",  "fn",     "for",    "from",     "func",   "function", "global", "if",
    "impl",    "import", "in",     "int",    "is",       "lambda", "let",      "long",   "match",
    "mut",     "new",    "None",   "not",    "null",     "or",     "package",  "pass",   "private",
    "public",  "pub",    "raise",  "return", "self",     "static", "struct",   "switch", "template",
    "this",    "throw",  "true",   "True",   "try",      "type",   "typename", "use",    "using",
    "var",     "void",   "while",  "with",   "yield"};

bool word_start(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool word_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

size_t end_of_string(const std::string& line, size_t i) {
    const char quote = line[i++];
    while (i < line.size() && line[i] != quote) {
        i += line[i] == '\\' ? 2 : 1;
    }
    return std::min(i + 1, line.size());
}

bool comment_starts(const std::string& line, size_t i, std::string_view language) {
    const bool hash = language == "python" || language == "py" || language == "sh" ||
                      language == "bash" || language == "yaml" || language == "ruby" ||
                      language == "r" || language.empty();
    return (line[i] == '#' && hash) || line.compare(i, 2, "//") == 0 ||
           (line.compare(i, 2, "--") == 0 && (language == "sql" || language == "lua"));
}

CodeTone word_tone(const std::string& line, size_t begin, size_t end) {
    const std::string_view word(line.data() + begin, end - begin);
    if (std::find(std::begin(kKeywords), std::end(kKeywords), word) != std::end(kKeywords)) {
        return CodeTone::keyword;
    }
    return end < line.size() && line[end] == '(' ? CodeTone::function : CodeTone::none;
}

}  // namespace

void tone_code(const std::string& line, uint32_t source_begin, std::string_view language,
               std::vector<Run>& out) {
    const auto add = [&](size_t begin, size_t end, CodeTone tone) {
        Run run;
        run.text = line.substr(begin, end - begin);
        run.style = RunStyle::code;
        run.tone = tone;
        run.source_begin = source_begin + uint32_t(begin);
        run.mapped = true;
        out.push_back(std::move(run));
    };
    for (size_t i = 0; i < line.size();) {
        size_t end = i + 1;
        CodeTone tone = CodeTone::none;
        const auto c = static_cast<unsigned char>(line[i]);
        if (comment_starts(line, i, language)) {
            end = line.size();
            tone = CodeTone::comment;
        } else if (line[i] == '"' || line[i] == '\'') {
            end = end_of_string(line, i);
            tone = CodeTone::string;
        } else if (std::isdigit(c) != 0) {
            while (end < line.size() && (word_char(line[end]) || line[end] == '.')) {
                ++end;
            }
            tone = CodeTone::number;
        } else if (word_start(line[i])) {
            while (end < line.size() && word_char(line[end])) {
                ++end;
            }
            tone = word_tone(line, i, end);
        } else {
            while (end < line.size() && !word_char(line[end]) && line[end] != '"' &&
                   line[end] != '\'' && !comment_starts(line, end, language)) {
                ++end;
            }
            tone = c < 0x80 ? CodeTone::punctuation : CodeTone::none;
        }
        add(i, end, tone);
        i = end;
    }
}

std::vector<Block> parse_markdown(std::string_view source) {
    Builder builder(source);
    MD_PARSER parser{};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_NOHTML | MD_FLAG_PERMISSIVEATXHEADERS;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* user) {
        return static_cast<Builder*>(user)->enter_block(type, detail);
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void*, void* user) {
        return static_cast<Builder*>(user)->leave_block(type);
    };
    parser.enter_span = [](MD_SPANTYPE type, void* detail, void* user) {
        return static_cast<Builder*>(user)->span(type, detail, 1);
    };
    parser.leave_span = [](MD_SPANTYPE type, void* detail, void* user) {
        return static_cast<Builder*>(user)->span(type, detail, -1);
    };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* user) {
        return static_cast<Builder*>(user)->text(type, text, size);
    };
    if (md_parse(source.data(), MD_SIZE(source.size()), &parser, &builder) != 0) {
        return plain_blocks(source);
    }
    return std::move(builder.blocks);
}

std::vector<Block> plain_blocks(std::string_view source) {
    Block block;
    for (size_t at = 0; at <= source.size();) {
        const size_t end = std::min(source.find('\n', at), source.size());
        if (end > at) {
            Run run;
            run.text = std::string(source.substr(at, end - at));
            run.source_begin = uint32_t(at);
            run.mapped = true;
            block.runs.push_back(std::move(run));
        }
        if (end < source.size()) {
            block.runs.push_back({});
            block.runs.back().line_break = true;
        }
        at = end + 1;
    }
    return {block};
}

std::string block_text(const Block& block) {
    std::string out;
    for (const Run& run : block.runs) {
        out += run.line_break ? "\n" : run.text;
    }
    return out;
}

}  // namespace app::ui
