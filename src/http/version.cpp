#include "http/version.h"

#include <algorithm>

namespace tl::http {

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

Version version_of(std::string_view alpn, std::string_view bytes) {
    if (alpn == "h2") return Version::http2;
    if (!alpn.empty()) return Version::http1;
    const size_t size = std::min(bytes.size(), kPreface.size());
    if (bytes.substr(0, size) != kPreface.substr(0, size)) {
        const size_t line = bytes.find('\n');
        const bool has_slash = line == std::string_view::npos || bytes.substr(0, line).contains('/');
        const bool is_text = bytes.front() >= ' ';  // TLS on a plain port gets its answer
        return has_slash || line < 2 || !is_text ? Version::http1 : Version::foreign;
    }
    return size == kPreface.size() ? Version::http2 : Version::none;
}

rt::Task<Version> choose_version(net::Stream& stream, std::string_view alpn, base::Buffer& early, rt::Wait wait) {
    if (!alpn.empty()) co_return version_of(alpn, {});
    bool last_look = false;
    for (;;) {
        const net::IoResult got = stream.try_read(early.writable());
        if (got.status == net::IoStatus::ok) {
            early.commit(got.bytes);
            const Version version = version_of("", early.view());
            if (version != Version::none) co_return version;
            continue;
        }
        if (got.status != net::IoStatus::again || last_look) break;
        if (early.empty()) early.release();
        const rt::Wake wake = co_await stream.readiness().wait_readable(wait);
        if (wake == rt::Wake::timeout) break;
        last_look = wake == rt::Wake::cancelled;
    }
    // Half a preface and then nothing: HTTP/1 says what is wrong with it.
    co_return early.empty() ? Version::none : Version::http1;
}

}  // namespace tl::http
