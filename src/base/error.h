// What went wrong, whose fault it is and whether trying again may help. Errors travel by value in
// Result<T>; exceptions are for start-up only. One file turns an Error into an HTTP reply
// (proxy/problem.cpp), one into a log level (base/log.cpp). Not for broken invariants: those abort.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace tl::base {

enum class Code : uint8_t {
    invalid,         // the input breaks a rule that its sender should have kept
    too_large,       // a configured cap was reached
    not_found,       // the named thing does not exist
    conflict,        // it exists already, or is in a state that forbids the call
    refused,         // the peer or a rule said no
    unreachable,     // no connection could be made
    closed,          // the peer ended the connection in good order
    reset,           // the connection broke
    timeout,         // a deadline passed
    cancelled,       // whoever waited for this no longer wants it
    unavailable,     // nothing that could serve this is ready
    cert_expired,    // the peer's certificate is not valid at this time
    cert_mismatch,   // the peer's certificate is for another name
    cert_untrusted,  // the peer's certificate proves nothing to us, or ours nothing to it
    handshake,       // the two ends could not agree on TLS
    io,              // the operating system failed a call
    internal,        // our own fault
};

enum class Side : uint8_t { downstream, upstream, internal };

[[nodiscard]] std::string_view to_string(Code code);
[[nodiscard]] std::string_view to_string(Side side);

// `context` is one short sentence for a person: what was done to which thing. Never a secret.
struct Error {
    Code code = Code::internal;
    Side side = Side::internal;
    bool retryable = false;
    std::string context;
    std::shared_ptr<const Error> cause;

    // "context: cause's context: ..." for logs and replies in development.
    [[nodiscard]] std::string message() const;
    // The same error, seen from the other side of a connection.
    [[nodiscard]] Error at(Side where) && {
        side = where;
        return std::move(*this);
    }
    [[nodiscard]] Error because(Error inner) && {
        cause = std::make_shared<const Error>(std::move(inner));
        return std::move(*this);
    }
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string context) {
    return std::unexpected(Error{.code = code, .context = std::move(context)});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

// The error of a failed system call; `what` names call and object ("bind 127.0.0.1:80").
[[nodiscard]] Error from_errno(int number, std::string_view what);

}  // namespace tl::base

// Returns early with the error of `expr`, a Result; for plain functions.
#define TL_TRY(expr)                                                   \
    do {                                                               \
        if (auto tl_result_ = (expr); !tl_result_) [[unlikely]]        \
            return ::std::unexpected(::std::move(tl_result_.error())); \
    } while (0)

// The same inside a coroutine.
#define TL_CO_TRY(expr)                                                   \
    do {                                                                  \
        if (auto tl_result_ = (expr); !tl_result_) [[unlikely]]           \
            co_return ::std::unexpected(::std::move(tl_result_.error())); \
    } while (0)
