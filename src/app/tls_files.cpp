#include "app/tls_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tl::app {

namespace {

constexpr std::uintmax_t kMostBytes = 1 << 20;

base::Error about(const std::string& path, const base::Error& error) {
    return {.code = error.code, .context = fmt::format("{}: {}", path, error.context)};
}

}  // namespace

base::Result<std::string> read_pem(const std::string& path) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(path, failed)) {
        return base::fail(base::Code::not_found, fmt::format("there is no file {}", path));
    }
    if (std::filesystem::file_size(path, failed) > kMostBytes) {
        return base::fail(base::Code::too_large, fmt::format("{} is larger than 1 MiB", path));
    }
    std::ifstream in{path, std::ios::binary};
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) return base::fail(base::Code::refused, fmt::format("{} cannot be read", path));
    return std::move(text).str();
}

base::Result<net::CredentialPtr> load_credential(const std::string& cert, const std::string& key) {
    const auto certificate = read_pem(cert);
    if (!certificate) return base::fail(certificate.error());
    const auto private_key = key.empty() ? certificate : read_pem(key);
    if (!private_key) return base::fail(private_key.error());
    const auto readable = net::parse_certificates(*certificate);
    if (!readable) return base::fail(about(cert, readable.error()));
    auto credential = net::Credential::parse(*certificate, *private_key);
    if (!credential) return base::fail(about(key.empty() ? cert : key, credential.error()));
    return credential;
}

std::string stamp_of(const std::vector<std::string>& files) {
    std::string stamp;
    for (const std::string& file : files) {
        struct stat is{};
        if (::stat(file.c_str(), &is) != 0) is = {};
        stamp +=
            fmt::format("{}:{}:{}:{}.{};", is.st_dev, is.st_ino, is.st_size, is.st_mtim.tv_sec, is.st_mtim.tv_nsec);
    }
    return stamp;
}

base::Result<void> write_file(const std::string& path, std::string_view text, unsigned mode) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return base::fail(base::from_errno(errno, "create " + fresh));
    bool good = true;
    while (good && !text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        good = wrote > 0;
        if (good) text.remove_prefix(static_cast<size_t>(wrote));
    }
    good = good && ::fsync(fd) == 0;
    const int number = errno;
    ::close(fd);
    if (!good) return base::fail(base::from_errno(number, "write " + fresh));
    if (std::rename(fresh.c_str(), path.c_str()) != 0) return base::fail(base::from_errno(errno, "rename " + fresh));
    return {};
}

}  // namespace tl::app
