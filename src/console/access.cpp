#include "console/access.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/random.h"
#include "base/text.h"
#include "net/address.h"

namespace tl::console {

namespace {

constexpr size_t kTokenBytes = 32;

bool is_token(std::string_view text) {
    return text.size() == kTokenBytes * 2 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The token of the file, or "" if there is none to be trusted.
std::string read_token(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return {};
    struct stat info{};
    char bytes[kTokenBytes * 2 + 1];
    const bool ours =
        ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 0077) == 0;
    const ssize_t got = ours ? ::read(fd, bytes, sizeof bytes) : 0;
    ::close(fd);
    std::string_view text{bytes, static_cast<size_t>(std::max<ssize_t>(got, 0))};
    if (text.ends_with('\n')) text.remove_suffix(1);
    return is_token(text) ? std::string{text} : std::string{};
}

// By a new file and a rename, so that nobody ever reads half a token or one with loose rights.
base::Result<void> write_token(const std::string& path, const std::string& token) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return base::fail(base::from_errno(errno, fmt::format("make {}", fresh)));
    const std::string line = token + "\n";
    const ssize_t written = ::write(fd, line.data(), line.size());
    ::close(fd);
    if (written != static_cast<ssize_t>(line.size()) || ::rename(fresh.c_str(), path.c_str()) != 0) {
        return base::fail(base::from_errno(errno, fmt::format("write {}", path)));
    }
    return {};
}

}  // namespace

Access Access::by_token(std::string token, bool open_metrics) {
    Access access;
    access.token_needed_ = true;
    access.open_metrics_ = open_metrics;
    access.token_ = std::move(token);
    return access;
}

bool Access::needs_token(std::string_view path) const {
    return token_needed_ && !(open_metrics_ && path == "/metrics");
}

bool Access::host_is_fine(std::string_view authority) const {
    return !token_needed_ || is_loopback_authority(authority);
}

bool Access::admits(std::string_view authorization) const {
    constexpr std::string_view kScheme = "bearer ";
    if (token_.empty() || authorization.size() < kScheme.size()) return false;
    if (!base::iequals(authorization.substr(0, kScheme.size()), kScheme)) return false;
    const std::string_view given = base::trim(authorization.substr(kScheme.size()));
    // The length is no secret; the bytes are: every one is looked at.
    if (given.size() != token_.size()) return false;
    unsigned char difference = 0;
    for (size_t i = 0; i < given.size(); ++i) difference |= static_cast<unsigned char>(given[i] ^ token_[i]);
    volatile unsigned char result = difference;
    return result == 0;
}

bool is_loopback_authority(std::string_view authority) {
    std::string_view host = authority;
    if (host.starts_with('[')) {
        const size_t end = host.find(']');
        return end != std::string_view::npos && host.substr(0, end + 1) == "[::1]" &&
               (end + 1 == host.size() || host[end + 1] == ':');
    }
    host = host.substr(0, host.find(':'));
    if (base::iequals(host, "localhost")) return true;
    const auto address = net::Address::from_ip(host, 0);
    return address && address->family() == AF_INET && host.starts_with("127.");
}

base::Result<std::string> load_or_make_token(const std::string& state_dir) {
    const std::string path = fmt::format("{}/{}", state_dir, kTokenName);
    std::string token = read_token(path);
    if (!token.empty()) return token;
    token = base::to_hex(base::random_bytes(kTokenBytes));
    TL_TRY(write_token(path, token));
    return token;
}

}  // namespace tl::console
