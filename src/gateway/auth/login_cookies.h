// The cookies of a login: a text in pieces that browsers store (RFC 6265 6.1: 4096 bytes a cookie at least), found in a
// request and taken out of it before a service sees it. "NAME=2.<text>" says how many pieces there are, "NAME_1=<text>"
// is the next. Pure; fuzzed by tests/fuzz/fuzz_login.cpp. What the text says is believed only once it was opened
// (net/sealed.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "codec/headers.h"

namespace tl::gateway {

class LoginCookies {
  public:
    static constexpr size_t kPiece = 3800;  // of a text; name and attributes are beside it
    static constexpr size_t kMostPieces = 4;
    static constexpr size_t kAttempts = 8;  // logins that one browser may have begun at a time

    // `secure`: the name begins with __Host-, which browsers take from this host by https alone, never from a
    // neighbour in its domain.
    LoginCookies(std::string_view name, bool secure);

    // The whole text; nullopt when there is none, or a piece of it is missing.
    [[nodiscard]] std::optional<std::string> read_session(const codec::HeaderTable& headers) const;
    [[nodiscard]] bool has_session(const codec::HeaderTable& headers) const;
    // Values of Set-Cookie; pieces that the request had and that are not needed any more are deleted. Empty: the text
    // is too long.
    [[nodiscard]] std::vector<std::string> write_session(std::string_view text, base::Duration lasts,
                                                         const codec::HeaderTable& had) const;
    [[nodiscard]] std::vector<std::string> drop_session(const codec::HeaderTable& had) const;

    // Of a login that has begun, by its state: which of the kAttempts it is follows from that.
    [[nodiscard]] std::optional<std::string_view> read_attempt(const codec::HeaderTable& headers,
                                                               std::string_view state) const;
    [[nodiscard]] std::string write_attempt(std::string_view state, std::string_view text, base::Duration lasts) const;
    [[nodiscard]] std::string drop_attempt(std::string_view state) const;

    // Takes all of them out of the Cookie lines.
    void strip(codec::HeaderTable& headers, base::Arena& arena) const;

  private:
    [[nodiscard]] std::string piece_name(size_t piece) const;
    [[nodiscard]] std::string attempt_name(std::string_view state) const;
    [[nodiscard]] std::string set(std::string_view name, std::string_view value, base::Duration lasts) const;
    [[nodiscard]] bool is_ours(std::string_view name) const;

    std::string name_;
    bool secure_;
};

}  // namespace tl::gateway
