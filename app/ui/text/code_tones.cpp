#include "app/ui/text/code_tones.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace app::ui {

namespace {

/// Lists are separated by single spaces, and begin and end with one.
struct Language {
    std::string_view names;
    std::string_view keywords;
    std::string_view line_comment = "//";
    std::string_view line_comment2 = {};
    std::string_view block_open = "/*", block_close = "*/";
    bool nested_blocks = false;
    std::string_view quotes = "\"'";    // strings within one line
    std::string_view long_quotes = {};  // one character: strings that go over lines
    bool triple = false;                // """ and ''' go over lines
    bool hash_lines = false;            // #include: the word is a keyword, <...> a string
    bool keys = false;                  // a string before ':' is a key
    bool dollars = false;               // $name
    bool commands = false;              // the first word of a command is a function
    bool lifetimes = false;             // 'a without a second quote
    bool raw_cpp = false;               // R"x(...)x"
    bool raw_rust = false;              // r#"..."#
    bool bang_calls = false;            // name! is a function
    bool any_case = false;
};

constexpr std::string_view kC =
    " alignas alignof auto bool break case char const continue default do double else enum extern "
    "false float for goto if inline int long NULL nullptr register restrict return short signed "
    "sizeof size_t static struct switch true typedef uint8_t uint16_t uint32_t uint64_t int8_t "
    "int16_t int32_t int64_t union unsigned void volatile while ";
constexpr std::string_view kCpp =
    " alignas alignof and auto bool break case catch char char8_t class concept const consteval "
    "constexpr constinit const_cast continue co_await co_return co_yield decltype default delete "
    "do "
    "double dynamic_cast else enum explicit export extern false final float for friend goto if "
    "inline int int8_t int16_t int32_t int64_t long mutable namespace new noexcept not nullptr "
    "operator or override private protected public reinterpret_cast requires return short signed "
    "sizeof size_t static static_assert static_cast struct switch template this thread_local throw "
    "true try typedef typeid typename uint8_t uint16_t uint32_t uint64_t union unsigned using "
    "virtual void volatile while ";
constexpr std::string_view kPython =
    " and as assert async await break case class continue def del elif else except False finally "
    "for from global if import in is lambda match None nonlocal not or pass raise return self True "
    "try while with yield ";
constexpr std::string_view kJavaScript =
    " abstract any as async await boolean break case catch class const continue debugger declare "
    "default delete do else enum export extends false finally for from function get if implements "
    "import in instanceof interface let namespace never new null number of private protected "
    "public "
    "readonly return set static string super switch this throw true try type typeof undefined "
    "unknown var void while yield ";
constexpr std::string_view kRust =
    " as async await bool box break char const continue crate dyn else enum extern f32 f64 false "
    "fn "
    "for i8 i16 i32 i64 i128 if impl in isize let loop match mod move mut pub ref return self Self "
    "static str String struct super trait true type u8 u16 u32 u64 u128 union unsafe use usize Vec "
    "where while ";
constexpr std::string_view kShell =
    " alias break case continue do done elif else esac eval exec exit export fi for function if in "
    "local readonly return select set shift source then trap unset until while ";
constexpr std::string_view kGo =
    " any bool break byte case chan const continue default defer else error fallthrough false "
    "float32 float64 for func go goto if import int int32 int64 interface map nil package range "
    "return rune select string struct switch true type uint8 uint32 uint64 var ";
constexpr std::string_view kJava =
    " abstract as assert async await base bool boolean break byte case catch char class const "
    "continue data default do double else enum extends false final finally float for foreach fun "
    "if "
    "implements import in instanceof int interface internal is let long namespace native new null "
    "object open out override package private protected public readonly ref return sealed short "
    "static string super switch synchronized this throw throws true try using val var virtual void "
    "volatile when while yield ";
constexpr std::string_view kSql =
    " add all alter and as asc between by case create default delete desc distinct drop else end "
    "exists false foreign from full group having in index inner insert into is join key left like "
    "limit not null offset on or order outer primary references right select set table then true "
    "union unique update values view when where with ";

const Language* languages(size_t& n) {
    static const Language kTable[] = {
        {.names = " c h ", .keywords = kC, .hash_lines = true},
        {.names = " cpp c++ cc cxx hpp hh cuda glsl hlsl comp frag vert ",
         .keywords = kCpp,
         .hash_lines = true,
         .raw_cpp = true},
        {.names = " python py python3 pycon ipython ",
         .keywords = kPython,
         .line_comment = "#",
         .block_open = {},
         .triple = true},
        {.names = " javascript js jsx mjs typescript ts tsx ",
         .keywords = kJavaScript,
         .long_quotes = "`"},
        {.names = " json jsonc json5 jsonl ", .keywords = " true false null ", .keys = true},
        {.names = " rust rs ",
         .keywords = kRust,
         .nested_blocks = true,
         .quotes = "'",
         .long_quotes = "\"",
         .lifetimes = true,
         .raw_rust = true,
         .bang_calls = true},
        {.names = " sh bash shell zsh console shell-session ",
         .keywords = kShell,
         .line_comment = "#",
         .block_open = {},
         .quotes = {},
         .long_quotes = "\"'",
         .dollars = true,
         .commands = true},
        {.names = " go golang ", .keywords = kGo, .long_quotes = "`"},
        {.names = " java kotlin kt csharp cs c# scala swift dart ",
         .keywords = kJava,
         .triple = true},
        {.names = " sql sqlite postgres postgresql mysql ",
         .keywords = kSql,
         .line_comment = "--",
         .any_case = true},
        {.names = " yaml yml toml ini ",
         .keywords = " true false null yes no on off ",
         .line_comment = "#",
         .block_open = {}},
        {.names = " cmake make makefile dockerfile ruby rb r perl ",
         .keywords =
             " begin class def do else elsif end endif false for from function if in module "
             "next nil not return run then true unless until while workdir ",
         .line_comment = "#",
         .block_open = {},
         .dollars = true},
        {.names = " lua ",
         .keywords = " and break do else elseif end false for function goto if in local nil not or "
                     "repeat return then true until while ",
         .line_comment = "--",
         .block_open = "--[[",
         .block_close = "]]"},
        {.names = " html xml svg ",
         .keywords = " ",
         .line_comment = {},
         .block_open = "<!--",
         .block_close = "-->",
         .quotes = {},
         .long_quotes = "\"'"},
        {.names = " css scss ",
         .keywords = " important inherit initial none auto ",
         .line_comment = {}},
    };
    n = std::size(kTable);
    return kTable;
}

bool has_word(std::string_view list, std::string_view word) {
    for (size_t at = list.find(word); at != std::string_view::npos; at = list.find(word, at + 1)) {
        if (at > 0 && list[at - 1] == ' ' && list[at + word.size()] == ' ') {
            return true;
        }
    }
    return false;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return char(std::tolower(c)); });
    return out;
}

const Language* find_language(std::string_view name) {
    const std::string wanted = lower(name.substr(0, name.find_first_of(" ,{:")));
    size_t n = 0;
    const Language* table = languages(n);
    for (size_t i = 0; i < n && !wanted.empty(); ++i) {
        if (has_word(table[i].names, wanted)) {
            return &table[i];
        }
    }
    return nullptr;
}

/// For code whose fence names no language: what its own first words give away.
const Language* guess_language(std::string_view code) {
    const auto has = [&](std::string_view part) {
        return code.find(part) != std::string_view::npos;
    };
    const size_t first = code.find_first_not_of(" \t\n");
    if (first == std::string_view::npos) {
        return nullptr;
    }
    if (has("#include") || has("std::")) {
        return find_language("cpp");
    }
    if (code[first] == '$' || code.substr(first, 2) == "#!") {
        return find_language("sh");
    }
    if ((code[first] == '{' || code[first] == '[') && has("\":")) {
        return find_language("json");
    }
    if (has("fn ") && has("->")) {
        return find_language("rust");
    }
    if (has("def ") || has("import ") || has("print(")) {
        return find_language("python");
    }
    if (has("function ") || has("const ") || has("=> ")) {
        return find_language("js");
    }
    return nullptr;
}

/// Strings and numbers only.
constexpr Language kUnknown{.names = {}, .keywords = " ", .line_comment = {}, .block_open = {}};

bool word_start(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool word_char(char c) {
    return word_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

class Scanner {
public:
    Scanner(std::string_view code, const Language& language) : code_(code), l_(language) {}

    std::vector<ToneSpan> run() {
        while (at_ < code_.size()) {
            const size_t begin = at_;
            const CodeTone tone = next();
            at_ = std::clamp(at_, begin + 1, code_.size());
            for (size_t i = begin; i < at_; ++i) {
                if (code_[i] == '\n') {
                    fresh_line_ = fresh_command_ = true;
                } else if (code_[i] != ' ' && code_[i] != '\t') {
                    fresh_line_ = false;
                    fresh_command_ = ends_command(code_[i]);
                }
            }
            if (!spans_.empty() && spans_.back().tone == tone) {
                spans_.back().end = uint32_t(at_);
            } else {
                spans_.push_back({uint32_t(begin), uint32_t(at_), tone});
            }
        }
        return std::move(spans_);
    }

private:
    char peek(size_t n = 0) const { return at_ + n < code_.size() ? code_[at_ + n] : '\0'; }
    bool here(std::string_view text) const {
        return !text.empty() && code_.compare(at_, text.size(), text) == 0;
    }
    static bool ends_command(char c) { return c == '|' || c == ';' || c == '&' || c == '('; }
    void to_line_end() { at_ = std::min(code_.find('\n', at_), code_.size()); }
    void past(std::string_view close) {
        const size_t end = code_.find(close, at_);
        at_ = end == std::string_view::npos ? code_.size() : end + close.size();
    }

    CodeTone next() {
        const char c = peek();
        if (c == ' ' || c == '\t' || c == '\n') {
            while (peek() == ' ' || peek() == '\t' || peek() == '\n') {
                ++at_;
            }
            return CodeTone::none;
        }
        if (comment()) {
            return CodeTone::comment;
        }
        if (l_.hash_lines && fresh_line_ && c == '#') {
            return hash_word();
        }
        if (prefixed_string() || string()) {
            return string_tone();
        }
        if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
            while (word_char(peek()) ||
                   (peek() == '.' && std::isdigit(static_cast<unsigned char>(peek(1))))) {
                ++at_;
            }
            return CodeTone::number;
        }
        if (l_.dollars && c == '$') {
            return dollar();
        }
        if (c == '@' && word_start(peek(1))) {
            for (++at_; word_char(peek()) || peek() == '.'; ++at_) {
            }
            return CodeTone::function;
        }
        return word_start(c) ? word() : punctuation();
    }

    bool comment() {
        if (here(l_.block_open)) {
            size_t depth = 1;
            at_ += l_.block_open.size();
            while (at_ < code_.size() && depth > 0) {
                if (here(l_.block_close)) {
                    --depth;
                    at_ += l_.block_close.size();
                } else if (l_.nested_blocks && here(l_.block_open)) {
                    ++depth;
                    at_ += l_.block_open.size();
                } else {
                    ++at_;
                }
            }
            return true;
        }
        if (!here(l_.line_comment)) {
            return false;
        }
        // In a shell and its like "#" begins a comment only where a word could begin.
        const bool word_before = at_ > 0 && code_[at_ - 1] != ' ' && code_[at_ - 1] != '\t' &&
                                 code_[at_ - 1] != '\n' && code_[at_ - 1] != ';';
        if (l_.dollars && word_before) {
            return false;
        }
        to_line_end();
        return true;
    }

    CodeTone hash_word() {
        for (++at_; peek() == ' '; ++at_) {
        }
        const size_t begin = at_;
        while (word_char(peek())) {
            ++at_;
        }
        after_include_ = code_.substr(begin, at_ - begin) == "include";
        return CodeTone::keyword;
    }

    bool prefixed_string() {
        if (after_include_ && peek() == '<') {
            after_include_ = false;
            const size_t end = code_.find_first_of(">\n", at_);
            at_ = end == std::string_view::npos ? code_.size() : end + 1;
            return true;
        }
        if (l_.raw_cpp && here("R\"")) {
            const size_t open = code_.find('(', at_);
            if (open == std::string_view::npos || open - at_ > 18) {
                return false;
            }
            const std::string close =
                ")" + std::string(code_.substr(at_ + 2, open - at_ - 2)) + "\"";
            at_ = open;
            past(close);
            return true;
        }
        if (l_.raw_rust && (here("r\"") || here("r#"))) {
            size_t hashes = 1;
            while (peek(hashes) == '#') {
                ++hashes;
            }
            if (peek(hashes) != '"') {
                return false;
            }
            at_ += hashes + 1;
            past("\"" + std::string(hashes - 1, '#'));
            return true;
        }
        if (l_.triple) {  // also with Python's letters in front
            size_t n = 0;
            while (n < 2 && std::string_view("rRbBfFuU").find(peek(n)) != std::string_view::npos &&
                   peek(n) != '\0') {
                ++n;
            }
            const char q = peek(n);
            if ((q == '"' || q == '\'') && (n == 0 || at_ == 0 || !word_char(code_[at_ - 1]))) {
                at_ += n;
                if (peek(1) == q && peek(2) == q) {
                    at_ += 3;
                    past(std::string(3, q));
                } else {
                    quoted(false);
                }
                return true;
            }
        }
        return false;
    }

    bool string() {
        const char c = peek();
        if (l_.long_quotes.find(c) != std::string_view::npos) {
            quoted(true);
            return true;
        }
        if (l_.quotes.find(c) == std::string_view::npos) {
            return false;
        }
        if (l_.lifetimes && c == '\'' && word_start(peek(1)) && peek(2) != '\'') {
            ++at_;
            while (word_char(peek())) {
                ++at_;
            }
            lifetime_ = true;
            return true;
        }
        quoted(false);
        return true;
    }

    void quoted(bool over_lines) {
        const char q = peek();
        for (++at_; at_ < code_.size() && peek() != q; ++at_) {
            if (peek() == '\\' && peek(1) != '\n') {
                ++at_;
            } else if (peek() == '\n' && !over_lines) {
                return;  // never closed
            }
        }
        at_ = std::min(at_ + 1, code_.size());
    }

    CodeTone string_tone() {
        if (lifetime_) {
            lifetime_ = false;
            return CodeTone::keyword;
        }
        if (l_.keys) {
            const size_t next = code_.find_first_not_of(" \t\n", std::min(at_, code_.size()));
            if (next != std::string_view::npos && code_[next] == ':') {
                return CodeTone::function;
            }
        }
        return CodeTone::string;
    }

    CodeTone dollar() {
        ++at_;
        if (peek() == '{') {
            past("}");
        } else if (word_start(peek())) {
            while (word_char(peek())) {
                ++at_;
            }
        } else if (std::string_view("?@#*$!0123456789").find(peek()) != std::string_view::npos &&
                   peek() != '\0') {
            ++at_;
        } else {
            return CodeTone::punctuation;
        }
        return CodeTone::number;
    }

    CodeTone word() {
        const bool command = l_.commands && fresh_command_;
        const size_t begin = at_;
        while (word_char(peek()) || (l_.commands && (peek() == '-' || peek() == '.'))) {
            ++at_;
        }
        const std::string_view text = code_.substr(begin, at_ - begin);
        if (has_word(l_.keywords, l_.any_case ? lower(text) : std::string(text))) {
            return CodeTone::keyword;
        }
        if (l_.bang_calls && peek() == '!' && peek(1) != '=') {
            ++at_;
            return CodeTone::function;
        }
        if (command && peek() != '=') {
            return CodeTone::function;
        }
        return peek() == '(' && !l_.commands ? CodeTone::function : CodeTone::none;
    }

    CodeTone punctuation() {
        ++at_;
        return CodeTone::punctuation;
    }

    std::string_view code_;
    const Language& l_;
    size_t at_ = 0;
    bool fresh_line_ = true, fresh_command_ = true, after_include_ = false, lifetime_ = false;
    std::vector<ToneSpan> spans_;
};

}  // namespace

bool knows_language(std::string_view language) {
    return find_language(language) != nullptr;
}

std::vector<ToneSpan> tone_code(std::string_view code, std::string_view language) {
    const Language* found = language.empty() ? guess_language(code) : find_language(language);
    return Scanner(code, found == nullptr ? kUnknown : *found).run();
}

}  // namespace app::ui
