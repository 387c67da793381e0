#include "app/import/url.h"

#include <charconv>

#include "base/text.h"

namespace tl::app {

Url parse_url(std::string_view text) {
    Url url{.scheme = "http"};
    if (const size_t end = text.find("://"); end != std::string_view::npos) {
        url.scheme = base::lower(text.substr(0, end));
        text.remove_prefix(end + 3);
    }
    const size_t slash = std::min(text.find_first_of("/?"), text.size());
    url.path = text.substr(slash);
    std::string_view authority = text.substr(0, slash);
    if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
        url.credentials = true;
        authority.remove_prefix(at + 1);
    }
    size_t end_of_host = authority.find(':');
    if (authority.starts_with('[')) {
        const size_t bracket = std::min(authority.find(']'), authority.size());
        url.host = authority.substr(1, bracket - 1);
        end_of_host = authority.find(':', bracket);
    } else {
        url.host = authority.substr(0, end_of_host);
    }
    if (end_of_host != std::string_view::npos) {
        const std::string_view digits = authority.substr(end_of_host + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
        if (url.port > 65535) url.port = 0;
    }
    return url;
}

}  // namespace tl::app
