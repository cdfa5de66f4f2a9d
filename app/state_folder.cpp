#include "app/state_folder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <system_error>
#include <vector>

#include "app/home_folder.h"
#include "app/json_out.h"
#include "gpu/base.h"
#include "model/file.h"
#include "model/json_reader.h"

namespace app {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLog = "lapidary.log";
constexpr std::string_view kMarker = "loading-";

std::string now_text(const char* format) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &local)};
}

/// Ticks after boot at which a process began: tells it from another that got its number later.
/// 0: there is no such process.
uint64_t start_of(int64_t pid) {
    std::ifstream in(fmt::format("/proc/{}/stat", pid));
    std::string line;
    if (!std::getline(in, line)) {
        return 0;
    }
    // Fields count from the name's closing bracket: it may hold spaces, brackets, anything.
    const size_t name_end = line.rfind(')');
    size_t at = name_end == std::string::npos ? line.size() : name_end + 1;
    for (int field = 3; field <= 22 && at < line.size(); ++field) {
        at = line.find_first_not_of(' ', at);
        const size_t end = std::min(line.find(' ', at), line.size());
        if (field == 22) {
            uint64_t ticks = 0;
            std::from_chars(line.data() + at, line.data() + end, ticks);
            return ticks;
        }
        at = end;
    }
    return 0;
}

/// Written under another name, brought to the disk, renamed.
void write_durably(const std::string& folder, const std::string& name, const std::string& text) {
    const std::string temporary = folder + "/" + name + ".new";
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        return;
    }
    const bool written = ::write(file, text.data(), text.size()) == ssize_t(text.size());
    const bool synced = written && ::fsync(file) == 0;
    ::close(file);
    if (synced) {
        ::rename(temporary.c_str(), (folder + "/" + name).c_str());
        if (const int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); dir >= 0) {
            ::fsync(dir);
            ::close(dir);
        }
    }
}

}  // namespace

std::string state_folder() {
    return xdg_folder("XDG_STATE_HOME", "/.local/state");
}

std::string log_tail(const std::string& folder, size_t max_bytes) {
    std::ifstream in(folder + "/" + kLog, std::ios::binary | std::ios::ate);
    const std::streamoff size = in ? std::streamoff(in.tellg()) : 0;
    const std::streamoff begin = std::max<std::streamoff>(0, size - std::streamoff(max_bytes));
    std::string text(size_t(size - begin), '\0');
    in.seekg(begin);
    in.read(text.data(), std::streamsize(text.size()));
    const size_t line = begin > 0 ? text.find('\n') : std::string::npos;
    return line == std::string::npos ? text : text.substr(line + 1);  // no half line
}

struct LogFile::Impl {
    std::mutex mutex;
    std::string path;
    uint64_t max_bytes = 0;
    std::FILE* file = nullptr;
    uint64_t n_bytes = 0;

    void open();
    void rotate();
    void write(std::string_view line);
};

void LogFile::Impl::open() {
    const int number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    file = number < 0 ? nullptr : ::fdopen(number, "a");
    struct stat info {};
    n_bytes = file != nullptr && ::fstat(number, &info) == 0 ? uint64_t(info.st_size) : 0;
}

void LogFile::Impl::rotate() {
    std::fclose(file);
    ::rename((path + ".1").c_str(), (path + ".2").c_str());
    ::rename(path.c_str(), (path + ".1").c_str());
    open();
}

void LogFile::Impl::write(std::string_view line) {
    const std::scoped_lock lock(mutex);
    if (file != nullptr && n_bytes + line.size() > max_bytes) {
        rotate();
    }
    if (file == nullptr) {
        return;
    }
    const std::string text = now_text("%Y-%m-%d %H:%M:%S ") + std::string(line);
    n_bytes += std::fwrite(text.data(), 1, text.size(), file);
    std::fflush(file);
}

LogFile::LogFile(const std::string& folder, uint64_t max_bytes) : impl_(std::make_unique<Impl>()) {
    std::error_code ignored;
    if (folder.empty()) {
        return;
    }
    fs::create_directories(folder, ignored);
    impl_->path = folder + "/" + kLog;
    impl_->max_bytes = max_bytes;
    impl_->open();
    base::set_log_sink([impl = impl_.get()](std::string_view line) { impl->write(line); });
}

LogFile::~LogFile() {
    base::set_log_sink({});
    if (impl_->file != nullptr) {
        std::fclose(impl_->file);
    }
}

std::string LoadMarker::own_file() const {
    return fmt::format("{}{}.json", kMarker, ::getpid());
}

void LoadMarker::set(const std::string& path, const std::string& device) const {
    if (folder_.empty()) {
        return;
    }
    std::error_code ignored;
    fs::create_directories(folder_, ignored);
    write_durably(folder_, own_file(),
                  JsonObject()
                      .add("path", path)
                      .add("device", device)
                      .add("when", now_text("%Y-%m-%d %H:%M"))
                      .add("pid", int64_t{::getpid()})
                      .add("start", start_of(::getpid()))
                      .str());
}

void LoadMarker::clear() const {
    if (!folder_.empty()) {
        ::unlink((folder_ + "/" + own_file()).c_str());
    }
}

namespace {

/// The load that a marker file tells of, if its process is gone.
std::optional<BrokenLoad> read_marker(const std::string& file) {
    try {
        const model::Json json = model::parse_json(model::read_text(file, 64 << 10), file);
        const model::JsonFields fields(json, file);
        const uint64_t* pid = json.find("pid") != nullptr ? json.find("pid")->integer() : nullptr;
        const uint64_t* start =
            json.find("start") != nullptr ? json.find("start")->integer() : nullptr;
        if (pid == nullptr || start == nullptr || start_of(int64_t(*pid)) == *start) {
            return std::nullopt;
        }
        return BrokenLoad{fields.text("path").value_or(""), fields.text("device").value_or(""),
                          fields.text("when").value_or("")};
    } catch (const base::Error&) {
        return BrokenLoad{};  // cut short: something did end while a load began
    }
}

std::vector<std::string> marker_files(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.starts_with(kMarker) && name.ends_with(".json")) {
            files.push_back(it->path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

std::optional<BrokenLoad> LoadMarker::broken() const {
    for (const std::string& file :
         folder_.empty() ? std::vector<std::string>{} : marker_files(folder_)) {
        if (const std::optional<BrokenLoad> load = read_marker(file)) {
            return load;
        }
    }
    return std::nullopt;
}

void LoadMarker::forget() const {
    for (const std::string& file :
         folder_.empty() ? std::vector<std::string>{} : marker_files(folder_)) {
        if (read_marker(file)) {
            ::unlink(file.c_str());
        }
    }
}

}  // namespace app
