#include "gateway/policies/geo_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tl::gateway {

namespace {

constexpr off_t kMostBytes = off_t{512} << 20;

// A descriptor that closes itself.
struct File {
    int fd;
    ~File() {
        if (fd >= 0) ::close(fd);
    }
};

std::string copy(int from, int to, off_t size) {
    while (size > 0) {
        const ssize_t sent = ::sendfile(to, from, nullptr, static_cast<size_t>(size));
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return "it cannot be read to its end";
        size -= sent;
    }
    return {};
}

std::string_view text_at(MMDB_entry_s& entry, const char* object) {
    MMDB_entry_data_s data{};
    const int status = MMDB_get_value(&entry, &data, object, "iso_code", nullptr);
    if (status != MMDB_SUCCESS || !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING) return {};
    return {data.utf8_string, data.data_size};
}

}  // namespace

std::string GeoDatabase::open(const std::string& path) {
    const File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat found{};
    if (file.fd < 0 || ::fstat(file.fd, &found) != 0) return std::strerror(errno);
    if (!S_ISREG(found.st_mode) || found.st_size > kMostBytes) return "it is no file of at most 512MB";
    // The library maps files: one that somebody truncates meanwhile would end the process.
    const File memory{::memfd_create("geo", MFD_CLOEXEC)};
    if (memory.fd < 0) return std::strerror(errno);
    if (std::string wrong = copy(file.fd, memory.fd, found.st_size); !wrong.empty()) return wrong;
    const int status = MMDB_open(fmt::format("/proc/self/fd/{}", memory.fd).c_str(), MMDB_MODE_MMAP, &database_);
    return status == MMDB_SUCCESS ? std::string{} : std::string{MMDB_strerror(status)};
}

std::string_view GeoDatabase::country_of(const net::Address& address) const {
    if (address.is_unix() || address.length() == 0) return {};
    int error = 0;
    MMDB_lookup_result_s result = MMDB_lookup_sockaddr(&database_, address.raw(), &error);
    if (error != MMDB_SUCCESS || !result.found_entry) return {};
    const std::string_view country = text_at(result.entry, "country");
    return country.empty() ? text_at(result.entry, "registered_country") : country;
}

}  // namespace tl::gateway
