#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace tl::base {

std::string_view to_string(Code code) {
    switch (code) {
        case Code::invalid: return "invalid";
        case Code::too_large: return "too_large";
        case Code::not_found: return "not_found";
        case Code::conflict: return "conflict";
        case Code::refused: return "refused";
        case Code::unreachable: return "unreachable";
        case Code::closed: return "closed";
        case Code::reset: return "reset";
        case Code::timeout: return "timeout";
        case Code::cancelled: return "cancelled";
        case Code::unavailable: return "unavailable";
        case Code::cert_expired: return "cert_expired";
        case Code::cert_mismatch: return "cert_mismatch";
        case Code::cert_untrusted: return "cert_untrusted";
        case Code::handshake: return "handshake";
        case Code::io: return "io";
        case Code::internal: return "internal";
    }
    return "unknown";
}

std::string_view to_string(Side side) {
    switch (side) {
        case Side::downstream: return "downstream";
        case Side::upstream: return "upstream";
        case Side::internal: return "internal";
    }
    return "unknown";
}

std::string Error::message() const {
    std::string text = context;
    for (const Error* inner = cause.get(); inner != nullptr; inner = inner->cause.get()) {
        text += ": ";
        text += inner->context;
    }
    return text;
}

namespace {

Code code_of(int number) {
    switch (number) {
        case ECONNREFUSED:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EADDRNOTAVAIL: return Code::unreachable;
        case ECONNRESET:
        case ECONNABORTED:
        case EPROTO:
        case EPIPE: return Code::reset;
        case ETIMEDOUT: return Code::timeout;
        case ENOENT: return Code::not_found;
        case EADDRINUSE:
        case EEXIST: return Code::conflict;
        case EACCES:
        case EPERM: return Code::refused;
        default: return Code::io;
    }
}

}  // namespace

Error from_errno(int number, std::string_view what) {
    char buffer[128];
    const char* text = strerror_r(number, buffer, sizeof buffer);
    std::string context{what};
    context += ": ";
    context += text;
    const Code code = code_of(number);
    return Error{.code = code, .retryable = code == Code::unreachable, .context = std::move(context)};
}

}  // namespace tl::base
