#include "storage/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace tl::storage {

namespace {

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        text.remove_prefix(static_cast<size_t>(wrote));
    }
    return ::fsync(fd) == 0;
}

base::Result<void> sync_folder(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return base::fail(base::from_errno(errno, "open " + folder));
    const bool good = ::fsync(fd) == 0;
    const int number = errno;
    ::close(fd);
    if (!good) return base::fail(base::from_errno(number, "fsync " + folder));
    return {};
}

}  // namespace

base::Result<std::string> read_file(const std::string& path, size_t most) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        auto error = base::from_errno(errno, "open " + path);
        if (errno == ENOENT) error.code = base::Code::not_found;
        return base::fail(std::move(error));
    }
    std::string text;
    ssize_t got = 0;
    char block[16384];
    while ((got = ::read(fd, block, sizeof block)) != 0 && text.size() <= most) {
        if (got > 0) text.append(block, static_cast<size_t>(got));
        if (got < 0 && errno != EINTR) break;
    }
    const int number = errno;
    ::close(fd);
    if (got < 0) return base::fail(base::from_errno(number, "read " + path));
    if (text.size() > most) return base::fail(base::Code::too_large, fmt::format("{} has over {} bytes", path, most));
    return text;
}

base::Result<void> replace_file(const std::string& path, std::string_view text, unsigned mode) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return base::fail(base::from_errno(errno, "create " + fresh));
    const bool good = write_all(fd, text);
    const int number = errno;
    ::close(fd);
    if (!good) {
        ::unlink(fresh.c_str());
        return base::fail(base::from_errno(number, "write " + fresh));
    }
    if (std::rename(fresh.c_str(), path.c_str()) != 0) return base::fail(base::from_errno(errno, "rename " + fresh));
    return sync_folder(path);
}

std::string stamp_of(const std::string& path) {
    struct stat is{};
    if (::stat(path.c_str(), &is) != 0) return {};
    return fmt::format("{}:{}:{}:{}.{}", is.st_dev, is.st_ino, is.st_size, is.st_mtim.tv_sec, is.st_mtim.tv_nsec);
}

}  // namespace tl::storage
