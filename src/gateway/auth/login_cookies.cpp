#include "gateway/auth/login_cookies.h"

#include <fmt/format.h>

#include "base/text.h"
#include "proxy/request_key.h"

namespace tl::gateway {

using proxy::find_cookie;

namespace {

constexpr std::string_view kAttempt = "_go";

}  // namespace

LoginCookies::LoginCookies(std::string_view name, bool secure)
    : name_(fmt::format("{}{}", secure ? "__Host-" : "", name)), secure_(secure) {}

std::string LoginCookies::piece_name(size_t piece) const {
    return piece == 0 ? name_ : fmt::format("{}_{}", name_, piece);
}

std::string LoginCookies::attempt_name(std::string_view state) const {
    const size_t place = state.empty() ? 0 : static_cast<unsigned char>(state.front()) % kAttempts;
    return fmt::format("{}{}{}", name_, kAttempt, place);
}

bool LoginCookies::is_ours(std::string_view name) const {
    if (!name.starts_with(name_)) return false;
    std::string_view rest = name.substr(name_.size());
    if (rest.empty()) return true;
    const auto is_below = [](std::string_view digit, size_t first, size_t end) {
        return digit.size() == 1 && digit[0] >= static_cast<char>('0' + first) &&
               digit[0] < static_cast<char>('0' + end);
    };
    if (rest.starts_with(kAttempt)) return is_below(rest.substr(kAttempt.size()), 0, kAttempts);
    return rest.front() == '_' && is_below(rest.substr(1), 1, kMostPieces);
}

bool LoginCookies::has_session(const codec::HeaderTable& headers) const {
    return find_cookie(headers, name_).has_value();
}

std::optional<std::string> LoginCookies::read_session(const codec::HeaderTable& headers) const {
    const auto first = find_cookie(headers, name_);
    if (!first || first->size() < 2 || (*first)[1] != '.') return std::nullopt;
    const char digit = (*first)[0];
    if (digit < '1' || digit > static_cast<char>('0' + kMostPieces)) return std::nullopt;
    const auto pieces = static_cast<size_t>(digit - '0');
    std::string text{first->substr(2)};
    for (size_t piece = 1; piece < pieces; ++piece) {
        const auto next = find_cookie(headers, piece_name(piece));
        if (!next || next->size() > kPiece) return std::nullopt;
        text += *next;
    }
    if (text.size() > kPiece * kMostPieces) return std::nullopt;
    return text;
}

// Lax: other sites cannot send it along, but for a link to here (RFC 6265bis 4.1.2.7). HttpOnly: no script reads it.
std::string LoginCookies::set(std::string_view name, std::string_view value, base::Duration lasts) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lasts).count();
    return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{}", name, value, seconds,
                       secure_ ? "; Secure" : "");
}

std::vector<std::string> LoginCookies::write_session(std::string_view text, base::Duration lasts,
                                                     const codec::HeaderTable& had) const {
    std::vector<std::string> cookies;
    const size_t pieces = (text.size() + kPiece - 1) / kPiece;
    if (pieces == 0 || pieces > kMostPieces) return cookies;
    for (size_t piece = 0; piece < kMostPieces; ++piece) {
        const std::string name = piece_name(piece);
        if (piece < pieces) {
            const std::string_view part = text.substr(piece * kPiece, kPiece);
            cookies.push_back(set(name, piece == 0 ? fmt::format("{}.{}", pieces, part) : std::string{part}, lasts));
        } else if (find_cookie(had, name)) {
            cookies.push_back(set(name, "", base::Duration{0}));
        }
    }
    return cookies;
}

std::vector<std::string> LoginCookies::drop_session(const codec::HeaderTable& had) const {
    std::vector<std::string> cookies;
    for (size_t piece = 0; piece < kMostPieces; ++piece) {
        const std::string name = piece_name(piece);
        if (find_cookie(had, name)) cookies.push_back(set(name, "", base::Duration{0}));
    }
    return cookies;
}

std::optional<std::string_view> LoginCookies::read_attempt(const codec::HeaderTable& headers,
                                                           std::string_view state) const {
    return find_cookie(headers, attempt_name(state));
}

std::string LoginCookies::write_attempt(std::string_view state, std::string_view text, base::Duration lasts) const {
    return set(attempt_name(state), text, lasts);
}

std::string LoginCookies::drop_attempt(std::string_view state) const {
    return set(attempt_name(state), "", base::Duration{0});
}

void LoginCookies::strip(codec::HeaderTable& headers, base::Arena& arena) const {
    codec::HeaderTable kept;
    bool changed = false;
    for (const codec::Header& header : headers) {
        if (header.field != codec::Field::cookie) {
            kept.push(header);
            continue;
        }
        std::string line;
        bool dropped = false;
        for (const std::string_view part : base::split(header.value, ';')) {
            const std::string_view pair = base::trim(part);
            if (is_ours(pair.substr(0, pair.find('=')))) {
                dropped = true;
            } else if (!pair.empty()) {
                line += fmt::format("{}{}", line.empty() ? "" : "; ", pair);
            }
        }
        changed = changed || dropped;
        if (!dropped) {
            kept.push(header);
        } else if (!line.empty()) {
            kept.push({header.name, arena.copy(line), header.field});
        }
    }
    if (!changed) return;
    headers.clear();
    for (const codec::Header& header : kept) headers.push(header);
}

}  // namespace tl::gateway
