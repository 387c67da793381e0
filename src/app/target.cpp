#include "app/target.h"

#include <charconv>

#include "codec/http1.h"

namespace tl::app {

namespace {

constexpr uint16_t kHttpsPort = 443;
constexpr std::string_view kWanted = "must be HOST:PORT, such as 127.0.0.1:9000, https://HOST or unix:/PATH";

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

std::expected<Target, std::string> parse_target(std::string_view text) {
    Target target;
    target.https = take_prefix(text, "https://");
    if (!target.https) take_prefix(text, "http://");
    if (!codec::is_valid_authority(text)) return std::unexpected(std::string{kWanted});
    std::string_view host = text;
    const size_t colon = text.rfind(':');
    const bool has_port = colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos;
    if (has_port) {
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data() + colon + 1, end, target.port);
        if (read.ptr != end || read.ec != std::errc{}) return std::unexpected(std::string{kWanted});
        host = text.substr(0, colon);
    } else if (target.https) {
        target.port = kHttpsPort;
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty() || target.port == 0) return std::unexpected(std::string{kWanted});
    target.host = host;
    return target;
}

}  // namespace tl::app
