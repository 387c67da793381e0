#include "gateway/auth/password_file.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "net/password.h"
#include "storage/whole_file.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLookAtFile = 2s;

std::unexpected<base::Error> bad_line(size_t number, std::string_view what) {
    return base::fail(base::Code::invalid, fmt::format("line {}: {}", number, what));
}

}  // namespace

base::Result<PasswordTable> parse_passwords(std::string_view text) {
    PasswordTable table;
    size_t number = 0;
    for (std::string_view line : base::split(text, '\n')) {
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (base::trim(line).empty() || line.starts_with('#')) continue;
        const auto parts = base::split(line, ':');
        if (parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return bad_line(number, "is not NAME:HASH");
        PasswordEntry entry{.hash = std::string{parts[1]}, .roles = {}};
        if (!net::is_password_hash(entry.hash)) {
            return bad_line(number, "has no hash of bcrypt, Argon2, yescrypt or SHA-crypt; htpasswd -B makes one");
        }
        if (parts.size() == 3) {
            for (const std::string_view role : base::split(parts[2], ',')) entry.roles.emplace_back(base::trim(role));
        }
        if (!table.emplace(parts[0], std::move(entry)).second)
            return bad_line(number, "names a user for a second time");
    }
    return table;
}

PasswordFile::PasswordFile(std::string path) : path_(std::move(path)) {
    table_.publish(std::make_shared<const PasswordTable>());
    read();
}

void PasswordFile::read() {
    stamp_ = storage::stamp_of(path_);
    const auto text = storage::read_file(path_, kMostBytes);
    auto table = text ? parse_passwords(*text) : base::fail(text.error());
    if (!table) {
        TL_LOG(error, "auth", "passwords of {}: {}; those of before stay", path_, table.error().message());
        return;
    }
    table_.publish(std::make_shared<const PasswordTable>(std::move(*table)));
}

rt::Task<void> PasswordFile::run(rt::Cancel& stop) {
    while (!stop.requested()) {
        co_await rt::sleep(kLookAtFile, &stop);
        if (!stop.requested() && storage::stamp_of(path_) != stamp_) read();
    }
}

}  // namespace tl::gateway
