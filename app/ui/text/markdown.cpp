#include "app/ui/text/markdown.h"

#include <md4c.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

/// A Unicode scalar as UTF-8; the replacement character for what is none.
std::string utf8_of(uint32_t c) {
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        c = 0xFFFD;
    }
    std::string out;
    if (c < 0x80) {
        return std::string(1, char(c));
    }
    const int n = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    out += char((n == 1 ? 0xC0 : n == 2 ? 0xE0 : 0xF0) | (c >> (6 * n)));
    for (int i = n - 1; i >= 0; --i) {
        out += char(0x80 | ((c >> (6 * i)) & 0x3F));
    }
    return out;
}

std::string entity(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kKnown{
        {{"&amp;", "&"},    {"&lt;", "<"},          {"&gt;", ">"},    {"&quot;", "\""},
         {"&apos;", "'"},   {"&nbsp;", "\xC2\xA0"}, {"&mdash;", "—"}, {"&ndash;", "–"},
         {"&hellip;", "…"}, {"&times;", "×"},       {"&deg;", "°"},   {"&copy;", "©"},
         {"&larr;", "←"},   {"&rarr;", "→"},        {"&le;", "≤"},    {"&ge;", "≥"},
         {"&ne;", "≠"},     {"&plusmn;", "±"},      {"&euro;", "€"},  {"&middot;", "·"}}};
    for (const auto& [from, to] : kKnown) {
        if (from == name) {
            return std::string(to);
        }
    }
    if (name.size() > 3 && name[1] == '#') {
        const bool hex = name[2] == 'x' || name[2] == 'X';
        const char* begin = name.data() + (hex ? 3 : 2);
        uint32_t code = 0;
        const auto [end, error] =
            std::from_chars(begin, name.data() + name.size() - 1, code, hex ? 16 : 10);
        if (error == std::errc() && end == name.data() + name.size() - 1) {
            return utf8_of(code);
        }
    }
    return std::string(name);
}

std::string attribute(const MD_ATTRIBUTE& a) {
    return a.text == nullptr ? std::string() : std::string(a.text, a.size);
}

/// Code arrives in pieces and with its line ends; here: toned runs, one line after the other.
void finish_code(Block& block) {
    struct Origin {
        size_t begin;  // in the code
        uint32_t source;
        bool mapped;
    };
    std::string code;
    std::vector<Origin> origins;
    for (const Run& run : block.runs) {
        origins.push_back({code.size(), run.source_begin, run.mapped});
        code += run.text;
    }
    if (!code.empty() && code.back() == '\n') {
        code.pop_back();
    }
    std::vector<Run> out;
    size_t origin = 0;
    for (const ToneSpan& span : tone_code(code, block.language)) {
        for (size_t i = span.begin; i < span.end;) {
            while (origin + 1 < origins.size() && origins[origin + 1].begin <= i) {
                ++origin;
            }
            Run run;
            run.style = RunStyle::code;
            run.tone = span.tone;
            if (code[i] == '\n') {
                run.line_break = true;
                out.push_back(std::move(run));
                ++i;
                continue;
            }
            const size_t next =
                origin + 1 < origins.size() ? origins[origin + 1].begin : code.size();
            const size_t end =
                std::min({size_t(span.end), next, std::min(code.find('\n', i), code.size())});
            run.text = code.substr(i, end - i);
            run.mapped = origins[origin].mapped;
            run.source_begin = origins[origin].source + uint32_t(i - origins[origin].begin);
            out.push_back(std::move(run));
            i = end;
        }
    }
    block.runs = std::move(out);
}

class Builder {
public:
    explicit Builder(std::string_view source) : source_(source) {}

    int enter_block(MD_BLOCKTYPE type, void* detail) {
        switch (type) {
            case MD_BLOCK_QUOTE:
                containers_.push_back({-2, ++n_quotes_, '>'});
                break;
            case MD_BLOCK_UL:
                containers_.push_back({-1, 0, static_cast<MD_BLOCK_UL_DETAIL*>(detail)->mark});
                break;
            case MD_BLOCK_OL: {
                const auto* list = static_cast<MD_BLOCK_OL_DETAIL*>(detail);
                containers_.push_back({int(list->start), 0, list->mark_delimiter});
                break;
            }
            case MD_BLOCK_LI:
                item(*static_cast<MD_BLOCK_LI_DETAIL*>(detail));
                break;
            case MD_BLOCK_HR:
                open(BlockKind::rule);
                break;
            case MD_BLOCK_H:
                open(BlockKind::heading).level =
                    int(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
                break;
            case MD_BLOCK_CODE:
                open(BlockKind::code).language =
                    attribute(static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang);
                break;
            case MD_BLOCK_P:
            case MD_BLOCK_HTML:
                open(BlockKind::paragraph);
                break;
            default:
                enter_table(type, detail);
                break;
        }
        return 0;
    }

    int leave_block(MD_BLOCKTYPE type) {
        switch (type) {
            case MD_BLOCK_QUOTE:
            case MD_BLOCK_UL:
            case MD_BLOCK_OL:
                containers_.pop_back();
                break;
            case MD_BLOCK_LI:
                if (has_marker_) {
                    open(BlockKind::paragraph);  // an empty item is an item
                }
                break;
            case MD_BLOCK_TH:
                --bold_;
                cell_ = nullptr;
                return 0;
            case MD_BLOCK_TD:
                cell_ = nullptr;
                return 0;
            case MD_BLOCK_CODE:
                finish_code(blocks.back());
                break;
            default:
                break;
        }
        open_ = false;
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
            case MD_SPAN_DEL:
                struck_ += step;
                break;
            case MD_SPAN_A:
                link_ = step > 0 ? attribute(static_cast<MD_SPAN_A_DETAIL*>(detail)->href)
                                 : std::string();
                break;
            case MD_SPAN_IMG:
                picture(static_cast<MD_SPAN_IMG_DETAIL*>(detail), step);
                break;
            default:
                break;
        }
        return 0;
    }

    int text(MD_TEXTTYPE type, const char* data, size_t size) {
        std::vector<Run>& runs = target();
        if (type == MD_TEXT_BR) {
            runs.push_back({});
            runs.back().line_break = true;
            return 0;
        }
        Run run;
        run.style = style();
        run.struck = struck_ > 0;
        run.link = link_;
        const std::string_view piece(data, size);
        run.mapped = data >= source_.data() && data + size <= source_.data() + source_.size();
        run.source_begin = run.mapped ? uint32_t(data - source_.data()) : 0;
        run.soft_break = type == MD_TEXT_SOFTBR;
        run.text = type == MD_TEXT_NULLCHAR ? "\xEF\xBF\xBD"
                   : type == MD_TEXT_SOFTBR ? " "
                   : type == MD_TEXT_ENTITY ? entity(piece)
                                            : std::string(piece);
        run.mapped = run.mapped && run.text == piece;
        runs.push_back(std::move(run));
        return 0;
    }

    std::vector<Block> blocks;

private:
    struct Container {
        int number;  // -2: a quote, -1: bullets, else the next number
        int quote;
        char mark;
    };

    std::vector<Run>& target() {
        if (cell_ != nullptr) {
            return cell_->runs;
        }
        if (!open_) {
            open(BlockKind::paragraph);  // tight list items have no paragraph of their own
        }
        return blocks.back().runs;
    }

    Block& open(BlockKind kind) {
        Block block;
        block.kind = kind;
        block.indent = std::min(int(containers_.size()), kMaxIndent);
        for (size_t i = 0; i < containers_.size() && i < size_t(kMaxIndent); ++i) {
            if (containers_[i].number == -2) {
                block.bars.push_back({int(i), containers_[i].quote});
            }
        }
        block.list_depth = int(std::count_if(containers_.begin(), containers_.end(),
                                             [](const Container& c) { return c.number != -2; }));
        block.marker = std::exchange(marker_, {});
        block.plain_marker = std::exchange(plain_marker_, {});
        block.task = std::exchange(task_, Task::none);
        has_marker_ = false;
        blocks.push_back(std::move(block));
        open_ = true;
        return blocks.back();
    }

    void enter_table(MD_BLOCKTYPE type, void* detail) {
        if (type == MD_BLOCK_TABLE) {
            open(BlockKind::table);
        } else if (type == MD_BLOCK_TR) {
            blocks.back().rows.emplace_back();
        } else if (type == MD_BLOCK_TH || type == MD_BLOCK_TD) {
            const MD_ALIGN align = static_cast<MD_BLOCK_TD_DETAIL*>(detail)->align;
            Cell cell;
            cell.align = align == MD_ALIGN_CENTER  ? Align::center
                         : align == MD_ALIGN_RIGHT ? Align::right
                                                   : Align::left;
            bold_ += type == MD_BLOCK_TH ? 1 : 0;
            blocks.back().rows.back().push_back(std::move(cell));
            cell_ = &blocks.back().rows.back().back();
        }
    }

    void item(const MD_BLOCK_LI_DETAIL& detail) {
        open_ = false;
        if (containers_.empty() || containers_.back().number == -2) {
            return;
        }
        Container& list = containers_.back();
        if (list.number < 0) {
            const auto depth = std::count_if(containers_.begin(), containers_.end(),
                                             [](const Container& c) { return c.number == -1; });
            marker_ = depth % 3 == 1 ? "•" : depth % 3 == 2 ? "◦" : "▪";
            plain_marker_ = std::string(1, list.mark);
        } else {
            marker_ = plain_marker_ = std::to_string(list.number++) + list.mark;
        }
        if (detail.is_task != 0) {
            task_ = detail.task_mark == ' ' ? Task::open : Task::done;
            plain_marker_ += task_ == Task::open ? " [ ]" : " [x]";
        }
        has_marker_ = true;
    }

    /// A picture is named and linked; looking at it is the reader's own step.
    void picture(const MD_SPAN_IMG_DETAIL* detail, int step) {
        if (step > 0) {
            picture_outer_ = std::exchange(link_, attribute(detail->src));
            add_faint("Picture: ");
            picture_begin_ = target().size();
            return;
        }
        if (target().size() == picture_begin_) {
            add_faint(link_);
        }
        link_ = std::exchange(picture_outer_, {});
    }

    void add_faint(const std::string& text) {
        Run run;
        run.text = text;
        run.style = RunStyle::faint;
        run.link = link_;
        target().push_back(std::move(run));
    }

    RunStyle style() const {
        if (code_ > 0) {
            return RunStyle::code;
        }
        return bold_ > 0 ? (italic_ > 0 ? RunStyle::bold_italic : RunStyle::bold)
                         : (italic_ > 0 ? RunStyle::italic : RunStyle::plain);
    }

    std::string_view source_;
    std::vector<Container> containers_;
    int n_quotes_ = 0, bold_ = 0, italic_ = 0, code_ = 0, struck_ = 0;
    std::string marker_, plain_marker_, link_, picture_outer_;
    Task task_ = Task::none;
    bool has_marker_ = false, open_ = false;
    size_t picture_begin_ = 0;
    Cell* cell_ = nullptr;
};

}  // namespace

namespace {

/// The first and the last byte of the source that this block shows.
void grow_extent(const std::vector<Run>& runs, size_t& begin, size_t& end) {
    for (const Run& run : runs) {
        if (run.mapped) {
            begin = std::min<size_t>(begin, run.source_begin);
            end = std::max<size_t>(end, run.source_begin + run.text.size());
        }
    }
}

void count_lines_between(std::vector<Block>& blocks, std::string_view source) {
    size_t before = 0;
    for (Block& block : blocks) {
        size_t begin = source.size(), end = 0;
        grow_extent(block.runs, begin, end);
        for (const auto& row : block.rows) {
            for (const Cell& cell : row) {
                grow_extent(cell.runs, begin, end);
            }
        }
        block.lines_before = 2;
        if (end > 0 && begin >= before) {
            block.lines_before = int(std::count(source.begin() + int64_t(before),
                                                source.begin() + int64_t(begin), '\n'));
            before = end;
        }
    }
}

}  // namespace

std::vector<Block> parse_markdown(std::string_view source) {
    Builder builder(source);
    MD_PARSER parser{};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_TASKLISTS | MD_FLAG_STRIKETHROUGH | MD_FLAG_NOHTML |
                   MD_FLAG_PERMISSIVEATXHEADERS | MD_FLAG_PERMISSIVEURLAUTOLINKS;
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
    count_lines_between(builder.blocks, source);
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

namespace {

std::string runs_text(const std::vector<Run>& runs) {
    std::string out;
    for (const Run& run : runs) {
        out += run.line_break ? "\n" : run.text;
    }
    return out;
}

}  // namespace

std::string block_text(const Block& block) {
    std::string out;
    for (const auto& row : block.rows) {
        out += out.empty() ? "" : "\n";
        for (size_t i = 0; i < row.size(); ++i) {
            out += (i == 0 ? "" : "\t") + runs_text(row[i].runs);
        }
    }
    return out + runs_text(block.runs);
}

namespace {

/// An open fence: its character and length; 0 when there is none.
struct Fence {
    char mark = 0;
    size_t length = 0;
};

void follow_fence(Fence& fence, std::string_view line) {
    const size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || (line[first] != '`' && line[first] != '~')) {
        return;
    }
    const char mark = line[first];
    const size_t end = std::min(line.find_first_not_of(mark, first), line.size());
    const std::string_view rest = line.substr(end);
    if (end - first < 3) {
        return;
    }
    if (fence.mark == 0) {
        if (mark == '~' || rest.find('`') == std::string_view::npos) {
            fence = {mark, end - first};
        }
    } else if (fence.mark == mark && end - first >= fence.length &&
               rest.find_first_not_of(" \t\r") == std::string_view::npos) {
        fence = {};
    }
}

/// No list, which may go on behind a blank line, and nothing indented.
bool begins_block(std::string_view line) {
    return !line.empty() && line[0] != ' ' && line[0] != '\t' && line[0] != '-' && line[0] != '*' &&
           line[0] != '+' && !(line[0] >= '0' && line[0] <= '9') && line[0] != '\n' &&
           line[0] != '\r';
}

}  // namespace

size_t last_block_start(std::string_view source, size_t from) {
    Fence fence;
    size_t start = from;
    bool blank = false;
    for (size_t at = from; at < source.size();) {
        const size_t end = std::min(source.find('\n', at), source.size());
        const std::string_view line = source.substr(at, end - at);
        if (fence.mark == 0 && blank && begins_block(line)) {
            start = at;
        }
        follow_fence(fence, line);
        blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
        at = end + 1;
    }
    return start;
}

}  // namespace app::ui
