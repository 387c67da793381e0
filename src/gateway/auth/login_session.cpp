#include "gateway/auth/login_session.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gateway/auth/strict_json.h"

namespace tl::gateway {

namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int kForm = 1;  // of these documents; another one is none of ours
constexpr int64_t kMostSeconds = 9'000'000'000;

int64_t seconds_of(base::WallTime at) { return std::chrono::duration_cast<seconds>(at.time_since_epoch()).count(); }

// False for what is no time.
bool read_time(const json& from, const char* name, base::WallTime& at) {
    const auto found = from.find(name);
    if (found == from.end() || !found->is_number_integer()) return false;
    const auto value = found->get<int64_t>();
    if (value < 0 || value > kMostSeconds) return false;
    at = base::WallTime{seconds{value}};
    return true;
}

bool is_form(const std::optional<json>& read) { return read && read->contains("v") && read->at("v") == kForm; }

// Never throws for text that is no UTF-8.
std::string dump(const json& document) { return document.dump(-1, ' ', true, json::error_handler_t::replace); }

}  // namespace

std::string write_attempt(const LoginAttempt& attempt) {
    return dump({{"v", kForm},
                 {"state", attempt.state},
                 {"nonce", attempt.nonce},
                 {"verifier", attempt.verifier},
                 {"uri", attempt.redirect_uri},
                 {"to", attempt.return_to},
                 {"until", seconds_of(attempt.until)}});
}

std::optional<LoginAttempt> read_attempt(std::string_view text) {
    const auto read = parse_strict_object(text);
    if (!is_form(read)) return std::nullopt;
    LoginAttempt attempt{.state = text_at(*read, "state"),
                         .nonce = text_at(*read, "nonce"),
                         .verifier = text_at(*read, "verifier"),
                         .redirect_uri = text_at(*read, "uri"),
                         .return_to = text_at(*read, "to")};
    const bool whole = !attempt.state.empty() && !attempt.nonce.empty() && !attempt.verifier.empty() &&
                       !attempt.redirect_uri.empty() && is_local_target(attempt.return_to);
    if (!whole || !read_time(*read, "until", attempt.until)) return std::nullopt;
    return attempt;
}

std::string write_session(const LoginSession& session) {
    return dump({{"v", kForm},
                 {"token", session.token},
                 {"refresh", session.refresh},
                 {"until", seconds_of(session.until)},
                 {"end", seconds_of(session.end)}});
}

std::optional<LoginSession> read_session(std::string_view text) {
    const auto read = parse_strict_object(text);
    if (!is_form(read)) return std::nullopt;
    LoginSession session{.token = text_at(*read, "token"), .refresh = text_at(*read, "refresh")};
    const bool times = read_time(*read, "until", session.until) && read_time(*read, "end", session.end);
    if (!times || session.token.empty()) return std::nullopt;
    return session;
}

bool is_local_target(std::string_view target) {
    if (!target.starts_with('/') || target.size() > kMostReturn) return false;
    if (target.size() > 1 && (target[1] == '/' || target[1] == '\\')) return false;
    return std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '\\' && c != '#'; });
}

}  // namespace tl::gateway
