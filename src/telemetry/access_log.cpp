// Where access lines go, without ever waiting for it.
#include "telemetry/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/log.h"
#include "base/text.h"

namespace tl::telemetry {

namespace {

// Pipes and terminals get whole lines in pieces that the kernel takes at once or not at all (PIPE_BUF), so
// that other writers' lines do not end up inside of ours; small ones where a write may block although poll
// says that it may not.
constexpr size_t kPipePiece = 4096;
constexpr size_t kSmallPiece = 512;

bool is_regular(int fd) {
    struct stat info{};
    return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

// Standard output may be shared with a shell, so its flags are not ours to change. A pipe or a terminal can
// be opened anew, with O_NONBLOCK for us alone; -1 where it cannot (sockets, a terminal of another user).
int reopen_stdout() { return ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY); }

bool ready_to_write(int fd) {
    pollfd ask{.fd = fd, .events = POLLOUT, .revents = 0};
    return ::poll(&ask, 1, 0) == 1 && (ask.revents & POLLOUT) != 0;
}

int open_file(const std::string& path) { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640); }

uint64_t size_of(int fd) {
    struct stat info{};
    return ::fstat(fd, &info) == 0 && info.st_size > 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

}  // namespace

base::Result<std::unique_ptr<AccessLog>> AccessLog::open(AccessLogConfig config, RecordWords words) {
    if (!config.path.empty()) {
        const int fd = open_file(config.path);
        if (fd < 0) {
            return base::fail(base::from_errno(errno, "open the access log " + base::printable(config.path)));
        }
        return std::unique_ptr<AccessLog>(new AccessLog(std::move(config), words, fd, true));
    }
    const int fd = is_regular(STDOUT_FILENO) ? -1 : reopen_stdout();
    const bool own = fd >= 0;
    return std::unique_ptr<AccessLog>(new AccessLog(std::move(config), words, own ? fd : STDOUT_FILENO, own));
}

AccessLog::AccessLog(AccessLogConfig config, RecordWords words, int fd, bool owned)
    : config_(std::move(config)),
      words_(words),
      fd_(fd),
      owned_(owned),
      regular_(is_regular(fd)),
      ask_first_(!owned && !regular_),
      size_(config_.path.empty() ? 0 : size_of(fd)) {}

AccessLog::~AccessLog() {
    flush();
    if (owned_ && fd_ >= 0) ::close(fd_);
}

void AccessLog::append(const Record& record) {
    if (waiting() >= config_.buffer) {
        ++stats_.dropped;
        return;
    }
    if (config_.format == AccessFormat::json) {
        append_json_line(pending_, record, words_);
    } else {
        append_readable_line(pending_, record, words_, config_.format == AccessFormat::coloured);
    }
    ++stats_.lines;
}

void AccessLog::write(std::span<const Record> records) {
    // By parts, so that a large batch does not meet a full buffer that a write would have emptied.
    constexpr size_t kPart = 256;
    while (!records.empty()) {
        const auto part = records.first(std::min(kPart, records.size()));
        for (const Record& record : part) append(record);
        records = records.subspan(part.size());
        flush();
    }
}

std::string_view AccessLog::next_piece() const {
    const std::string_view all = std::string_view{pending_}.substr(written_);
    const size_t most = regular_ ? all.size() : ask_first_ ? kSmallPiece : kPipePiece;
    if (all.size() <= most) return all;
    const size_t line_end = all.rfind('\n', most - 1);
    return all.substr(0, line_end == std::string_view::npos ? most : line_end + 1);
}

void AccessLog::flush() {
    while (waiting() > 0) {
        rotate_if_large();
        if (fd_ < 0 || (ask_first_ && !ready_to_write(fd_))) break;
        const std::string_view piece = next_piece();
        const ssize_t put = ::write(fd_, piece.data(), piece.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (put <= 0) {
            failed("write the access log", put < 0 ? errno : ENOSPC);
            break;
        }
        written_ += static_cast<size_t>(put);
        size_ += static_cast<size_t>(put);
    }
    // Move the rest to the front once that is less work than what was written.
    if (written_ >= pending_.size() - written_) {
        pending_.erase(0, written_);
        written_ = 0;
    }
}

void AccessLog::rotate_if_large() {
    if (config_.path.empty() || config_.rotate_at == 0) return;
    const bool between_lines = written_ == 0 || pending_[written_ - 1] == '\n';
    if (fd_ >= 0 && (size_ < config_.rotate_at || !between_lines)) return;
    if (fd_ >= 0) {
        if (std::rename(config_.path.c_str(), (config_.path + ".1").c_str()) != 0) {
            failed("rotate the access log", errno);
            size_ = 0;  // go on in the same file, and try again after as many bytes
            return;
        }
        ::close(fd_);
        ++stats_.rotations;
    }
    fd_ = open_file(config_.path);
    size_ = fd_ >= 0 ? size_of(fd_) : 0;
    if (fd_ < 0) failed("open the access log", errno);
}

void AccessLog::failed(std::string_view what, int number) {
    if (stats_.errors++ > 0) return;
    const std::string where = config_.path.empty() ? "standard output" : base::printable(config_.path);
    const base::Error error = base::from_errno(number, std::string(what) + " (" + where + ")");
    TL_LOG(warning, "telemetry", "{}. Lines that do not fit into the buffer are dropped; this is said once.",
           error.message());
}

}  // namespace tl::telemetry
