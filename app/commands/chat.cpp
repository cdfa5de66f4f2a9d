// chat: a conversation in the terminal.
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/commands/run.h"
#include "app/json_out.h"
#include "app/output_file.h"
#include "app/starters.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace app {

namespace {

enum class Read : uint8_t { line, end, interrupted };

/// Lines from standard input; unlike the C library's it comes back when a signal has come.
class LineReader {
public:
    Read read(std::string& line) {
        while (true) {
            if (const size_t end = pending_.find('\n'); end != std::string::npos) {
                line = pending_.substr(0, end);
                pending_.erase(0, end + 1);
                return Read::line;
            }
            pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {interrupt_descriptor(), POLLIN, 0}};
            const int n_ready = interrupted() ? 0 : ::poll(fds, 2, -1);
            if (interrupted() || (n_ready > 0 && fds[1].revents != 0)) {
                return Read::interrupted;
            }
            if (n_ready < 0) {  // SIGCONT and the like
                continue;
            }
            char buffer[4096];
            const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof(buffer));
            if (n > 0) {
                pending_.append(buffer, size_t(n));
            } else if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
                continue;
            } else if (!pending_.empty()) {
                line = std::exchange(pending_, {});
                return Read::line;
            } else {
                return Read::end;
            }
        }
    }

private:
    std::string pending_;
};

constexpr const char* kHelp =
    "  /regen        another answer to the last message\n"
    "  /undo         take the last message and its answer back\n"
    "  /save FILE    write the conversation as JSON\n"
    "  /probs        every token of the last answer: its probability, and what else was likely\n"
    "  /help         this list\n"
    "  /quit         leave (Ctrl-D does too); Ctrl-C stops an answer\n"
    "A message that begins with / is written as //.\n";

class Chat {
public:
    Chat(const Options& options, Opened& opened)
        : options_(options),
          opened_(opened),
          tokenizer_(opened.model->tokenizer),
          terminal_(::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1),
          sampling_(sampling_of(options, opened.default_sampling())),
          sampler_(opened.model->config.vocab_size) {
        if (!options.system.empty()) {
            turns_.push_back({model::Role::system, options.system});
        }
    }

    int run() {
        say("{}. /help lists the commands, Ctrl-D leaves.\n", opened_.model->name);
        if (options_.model.empty()) {
            for (const Starter& starter : kStarters) {
                say("  try: {}\n", starter.prompt);
            }
        }
        say_frame(tokenizer_);
        say_seed(options_, sampling_);
        if (options_.prompt) {
            send(*options_.prompt);
        }
        int interrupts = 0;
        while (!done_ && !asked_to_end() && !(options_.single_turn && n_answers_ > 0)) {
            say("\n> ");
            std::string line;
            const Read result = reader_.read(line);
            if (result == Read::end) {
                say("\n");
                break;
            }
            if (result == Read::interrupted || interrupted()) {
                clear_interrupt();
                if (++interrupts == 2 || asked_to_end()) {
                    break;
                }
                tell("\n(Ctrl-C again, Ctrl-D or /quit leaves)\n");
                continue;
            }
            interrupts = 0;
            take(line);
        }
        if (n_answers_ > 0) {
            tell_speed(opened_.session->stats(), last_.logits_hash);
        }
        return interrupts == 2 || asked_to_end() ? interrupted_exit_code() : exit_code_;
    }

private:
    /// Talk that only a person at a terminal wants to see.
    template <class... Args>
    void say(fmt::format_string<Args...> format, Args&&... args) {
        if (terminal_) {
            tell(format, std::forward<Args>(args)...);
        }
    }

    void take(std::string_view line) {
        const size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos) {
            return;
        }
        if (line[begin] != '/' || line.substr(begin, 2) == "//") {
            send(std::string(line.substr(line[begin] == '/' ? begin + 1 : 0)));
            return;
        }
        std::string_view word = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
        const size_t space = std::min(word.find(' '), word.size());
        std::string_view argument = word.substr(space);
        argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
        word = word.substr(0, space);
        if (word == "/quit" || word == "/exit") {
            done_ = true;
        } else if (word == "/help") {
            tell_text(kHelp);
        } else if (word == "/undo") {
            undo();
        } else if (word == "/regen") {
            regenerate();
        } else if (word == "/save") {
            save(std::string(argument));
        } else if (word == "/probs") {
            probabilities();
        } else {
            tell("lapidary: {} is no command; /help lists them\n", base::escaped(word, 40));
        }
    }

    void send(std::string text) {
        turns_.push_back({model::Role::user, std::move(text)});
        answer();
    }

    bool drop_last(model::Role role) {
        if (turns_.empty() || turns_.back().role != role) {
            return false;
        }
        turns_.pop_back();
        return true;
    }

    void undo() {
        const bool answered = drop_last(model::Role::model);
        if (!drop_last(model::Role::user) && !answered) {
            tell("lapidary: there is nothing to take back\n");
            return;
        }
        answer_tokens_.clear();
        tell("lapidary: took the last message back\n");
    }

    void regenerate() {
        drop_last(model::Role::model);
        if (turns_.empty() || turns_.back().role != model::Role::user) {
            tell("lapidary: there is no message to answer again\n");
            return;
        }
        ++sampling_.seed;  // the same seed would give the same answer
        answer();
    }

    void answer() {
        GenerateRequest request;
        request.sampling = sampling_;
        request.max_tokens = options_.n_predict;
        request.stop_texts = options_.stop_texts;
        request.top = 5;
        put_turns(request, tokenizer_, turns_);
        if (request.tokens.size() >= opened_.session->n_ctx()) {
            tell("lapidary: {}\n", no_room_note(request.tokens.size()));
            exit_code_ = terminal_ ? 0 : base::exit_code(base::ErrorKind::usage);
            return;
        }
        request.on_text = [](std::string_view text) {
            put_text(text);
            flush_output();
        };
        answer_tokens_.clear();
        request.on_token = [&](const GeneratedToken& token) { answer_tokens_.push_back(token); };
        last_ = generate(*opened_.session, sampler_, request);
        ++n_answers_;
        put("\n");
        flush_output();
        turns_.push_back({model::Role::model, last_.text});
        if (const std::string note = finish_note(last_.reason, opened_.session->n_ctx());
            !note.empty()) {
            tell("lapidary: {}\n", note);
        }
        clear_interrupt();
    }

    /// What can be done about it depends on what fills the context.
    std::string no_room_note(size_t n_tokens) const {
        const uint32_t n_ctx = opened_.session->n_ctx();
        if (!options_.system.empty()) {
            GenerateRequest least;
            put_turns(least, tokenizer_,
                      {{model::Role::system, options_.system}, {model::Role::user, ""}});
            if (least.tokens.size() >= n_ctx) {
                return fmt::format(
                    "the system prompt alone takes {} tokens, the context holds {}: no room for "
                    "an answer. Shorten --system-prompt; -c N gives more room.",
                    least.tokens.size(), n_ctx);
            }
        }
        return fmt::format(
            "the conversation has {} tokens, the context holds {}: no room for an answer. {}-c N "
            "gives more room.",
            n_tokens, n_ctx,
            options_.single_turn ? "Shorten the message; " : "/undo takes the message back, ");
    }

    void save(const std::string& path) {
        if (path.empty()) {
            tell("lapidary: /save needs a file name\n");
            return;
        }
        JsonArray turns;
        for (const model::Turn& turn : turns_) {
            const char* role = turn.role == model::Role::user     ? "user"
                               : turn.role == model::Role::system ? "system"
                                                                  : "model";
            turns.raw(JsonObject().add("role", role).add("text", turn.text).str());
        }
        const std::string text = JsonObject()
                                     .add("model", opened_.model->name)
                                     .add("seed", sampling_.seed)
                                     .raw("turns", turns.str())
                                     .str() +
                                 "\n";
        try {
            write_whole(output_target(path, "/save", {opened_.model->path}), text);
        } catch (const base::Error& error) {
            tell("lapidary: {}\n", error.what());
            return;
        }
        tell("lapidary: wrote {} turns to {}\n", turns_.size(), base::escaped(path));
    }

    static void write_whole(const std::string& path, const std::string& text) {
        ReplacedFile out(path);
        if (out.file() == nullptr ||
            std::fwrite(text.data(), 1, text.size(), out.file()) != text.size() || !out.commit()) {
            throw base::Error(
                base::ErrorKind::runtime,
                fmt::format("{} cannot be written: {}", base::escaped(path), std::strerror(errno)));
        }
    }

    void probabilities() {
        if (answer_tokens_.empty()) {
            tell("lapidary: there is no answer yet\n");
        }
        for (const GeneratedToken& token : answer_tokens_) {
            std::string line =
                fmt::format("{:>6.1f} %  {:<16}", 100 * std::exp(token.stats.logprob),
                            tokenizer_.display(token.id));
            for (const auto& [id, logprob] : token.top) {
                if (id != token.id) {
                    line +=
                        fmt::format("  {} {:.1f}", tokenizer_.display(id), 100 * std::exp(logprob));
                }
            }
            tell("{}\n", line);
        }
    }

    const Options& options_;
    Opened& opened_;
    const model::Tokenizer& tokenizer_;
    const bool terminal_;
    model::SamplingParams sampling_;
    model::Sampler sampler_;
    LineReader reader_;
    std::vector<model::Turn> turns_;
    std::vector<GeneratedToken> answer_tokens_;
    GenerateResult last_;
    int n_answers_ = 0;
    int exit_code_ = 0;
    bool done_ = false;
};

}  // namespace

int chat_command(const Options& options) {
    Opened opened = open_session(options, options.session);
    return Chat(options, opened).run();
}

}  // namespace app
