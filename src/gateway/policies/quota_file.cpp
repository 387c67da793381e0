#include "gateway/policies/quota_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/text.h"

namespace tl::gateway {

namespace {

constexpr std::string_view kHead = "trunkline quota 1";

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

// The next line of `text`, without its end; nullopt when no whole one is left.
std::optional<std::string_view> next_line(std::string_view& text) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

std::optional<uint64_t> next_number(std::string_view& line, int base) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number, base);
    if (error != std::errc{}) return std::nullopt;
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return number;
}

// "KEY WINDOW USED OF WHO..."
std::optional<QuotaRow> parse_row(std::string_view line) {
    const auto key = next_number(line, 16);
    if (!key) return std::nullopt;
    const auto window = next_number(line, 10);
    if (!window) return std::nullopt;
    const auto used = next_number(line, 10);
    if (!used) return std::nullopt;
    const auto of = next_number(line, 10);
    if (!of) return std::nullopt;
    return QuotaRow{.key = *key, .window = *window, .used = *used, .of = *of, .who = std::string{line}};
}

std::unexpected<base::Error> damaged(std::string_view what) {
    return base::fail(base::Code::invalid, fmt::format("the counts of a quota are damaged: {}", what));
}

base::Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return base::fail(base::from_errno(errno, "write " + path));
        text.remove_prefix(static_cast<size_t>(wrote));
    }
    if (::fsync(fd) != 0) return base::fail(base::from_errno(errno, "fsync " + path));
    return {};
}

}  // namespace

std::string format_quota_file(const QuotaFile& file) {
    fmt::memory_buffer text;
    auto out = std::back_inserter(text);
    fmt::format_to(out, "{}\n{}\n{}\n{:x} {:x}\n", kHead, file.quota, file.per, file.secret.low, file.secret.high);
    for (const QuotaRow& row : file.rows) {
        fmt::format_to(out, "{:x} {} {} {} {}\n", row.key, row.window, row.used, row.of, base::printable(row.who));
    }
    const uint64_t sum = base::hash({text.data(), text.size()});
    fmt::format_to(out, "end {:x}\n", sum);
    return fmt::to_string(text);
}

base::Result<QuotaFile> parse_quota_file(std::string_view text) {
    const std::string_view whole = text;
    if (next_line(text) != kHead) return damaged("it does not begin as one");
    QuotaFile file;
    const auto quota = next_line(text);
    const auto per = next_line(text);
    auto secret = next_line(text);
    if (!quota || !per || !secret) return damaged("its head is cut off");
    file.quota = *quota;
    file.per = *per;
    const auto low = next_number(*secret, 16);
    const auto high = next_number(*secret, 16);
    if (!low || !high) return damaged("its key");
    file.secret = {*low, *high};
    for (;;) {
        const size_t at = whole.size() - text.size();
        auto line = next_line(text);
        if (!line) return damaged("its end is missing");
        if (line->starts_with("end ")) {
            line->remove_prefix(4);
            if (next_number(*line, 16) != base::hash(whole.substr(0, at)) || !text.empty()) return damaged("its sum");
            return file;
        }
        auto row = parse_row(*line);
        if (!row) return damaged("a row");
        file.rows.push_back(std::move(*row));
    }
}

base::Result<QuotaFile> read_quota_file(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return base::fail(base::Code::not_found, path + ": " + error.message());
    if (size > kMostQuotaFile) return damaged("its size");
    std::ifstream stream{path, std::ios::binary};
    const std::string text(std::istreambuf_iterator<char>{stream}, {});
    if (!stream.is_open() || stream.bad()) return base::fail(base::Code::io, "cannot read " + path);
    return parse_quota_file(text);
}

base::Result<void> replace_file(const std::string& path, std::string_view text) {
    const std::string beside = path + ".new";
    {
        const Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
        if (file.get() < 0) return base::fail(base::from_errno(errno, "open " + beside));
        if (const auto written = write_all(file.get(), text, beside); !written) {
            const auto failed = written.error();
            ::unlink(beside.c_str());  // what a full disk has taken is given back
            return base::fail(failed);
        }
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return base::fail(base::from_errno(errno, "rename " + beside));
    const std::string folder = std::filesystem::path{path}.parent_path().string();
    const Descriptor place{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (place.get() < 0 || ::fsync(place.get()) != 0) return base::fail(base::from_errno(errno, "fsync " + folder));
    return {};
}

std::string quota_folder(const std::string& state_folder) { return state_folder + "/quotas"; }

std::vector<QuotaFile> read_quota_files(const std::string& state_folder) {
    std::vector<QuotaFile> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator{quota_folder(state_folder), error}) {
        if (entry.path().extension() != ".counts") continue;
        auto file = read_quota_file(entry.path().string());
        if (file) files.push_back(std::move(*file));
    }
    return files;
}

}  // namespace tl::gateway
