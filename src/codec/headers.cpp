#include "codec/headers.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace tl::codec {

namespace {

constexpr std::array<std::string_view, 35> kNames{
    "",
    "accept",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "grpc-timeout",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "server",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-request-timeout",
};
static_assert(kNames.size() == static_cast<size_t>(Field::x_request_timeout) + 1);

template <class Word>
Word load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// Exact but for the case of letters, a word at a time. In `lower` a byte with bit 6 is a letter, and only a
// letter may differ, only in bit 5.
template <class Word>
bool same_word(const char* name, const char* lower) {
    constexpr Word kBit6 = static_cast<Word>(0x4040404040404040ULL);
    const Word wanted = load<Word>(lower);
    return ((load<Word>(name) ^ wanted) & ~((wanted & kBit6) >> 1)) == 0;
}

// `name` has the length of `lower` already. The last word overlaps the one before, so no byte is compared
// singly.
template <size_t N>
bool same(const char* name, const char (&lower)[N]) {
    constexpr size_t kSize = N - 1;
    if constexpr (kSize >= 8) {
        for (size_t i = 0; i + 8 < kSize; i += 8) {
            if (!same_word<uint64_t>(name + i, lower + i)) return false;
        }
        return same_word<uint64_t>(name + kSize - 8, lower + kSize - 8);
    } else if constexpr (kSize >= 4) {
        return same_word<uint32_t>(name, lower) && same_word<uint32_t>(name + kSize - 4, lower + kSize - 4);
    } else {
        for (size_t i = 0; i < kSize; ++i) {
            if (base::to_lower(name[i]) != lower[i]) return false;
        }
        return true;
    }
}

}  // namespace

// Length and one letter leave a single candidate, which is then compared. The letter is the first, or where
// two names begin alike, one that differs.
Field lookup_field(std::string_view name) {
    const char* at = name.data();
    const auto check = [at](const auto& lower, Field field) { return same(at, lower) ? field : Field::other; };
    const auto letter = [at](size_t i) { return at[i] | 0x20; };
    switch (name.size()) {
        case 2: return check("te", Field::te);
        case 3: return check("via", Field::via);
        case 4: return letter(0) == 'h' ? check("host", Field::host) : check("date", Field::date);
        case 6:
            switch (letter(0)) {
                case 'a': return check("accept", Field::accept);
                case 'c': return check("cookie", Field::cookie);
                case 'e': return check("expect", Field::expect);
                default: return check("server", Field::server);
            }
        case 7: return letter(0) == 'u' ? check("upgrade", Field::upgrade) : check("trailer", Field::trailer);
        case 9: return letter(0) == 'f' ? check("forwarded", Field::forwarded) : check("x-real-ip", Field::x_real_ip);
        case 10:
            switch (letter(0)) {
                case 'c': return check("connection", Field::connection);
                case 'k': return check("keep-alive", Field::keep_alive);
                case 'u': return check("user-agent", Field::user_agent);
                default: return check("tracestate", Field::tracestate);
            }
        case 11:
            return letter(0) == 't' ? check("traceparent", Field::traceparent)
                                    : check("retry-after", Field::retry_after);
        case 12:
            switch (letter(0)) {
                case 'c': return check("content-type", Field::content_type);
                case 'g': return check("grpc-timeout", Field::grpc_timeout);
                default: return check("x-request-id", Field::x_request_id);
            }
        case 13:
            return letter(0) == 'c' ? check("cache-control", Field::cache_control)
                                    : check("authorization", Field::authorization);
        case 14: return check("content-length", Field::content_length);
        case 15: return check("x-forwarded-for", Field::x_forwarded_for);
        case 16:
            if (letter(0) == 'p') return check("proxy-connection", Field::proxy_connection);
            return letter(12) == 'h' ? check("x-forwarded-host", Field::x_forwarded_host)
                                     : check("x-forwarded-port", Field::x_forwarded_port);
        case 17:
            if (letter(0) == 't') return check("transfer-encoding", Field::transfer_encoding);
            return letter(2) == 'f' ? check("x-forwarded-proto", Field::x_forwarded_proto)
                                    : check("x-request-timeout", Field::x_request_timeout);
        case 18: return check("proxy-authenticate", Field::proxy_authenticate);
        case 19: return check("proxy-authorization", Field::proxy_authorization);
        case 23: return check("x-forwarded-client-cert", Field::x_forwarded_client_cert);
        default: return Field::other;
    }
}

std::string_view name_of(Field field) { return kNames[static_cast<size_t>(field)]; }

const Header* HeaderTable::find(Field field) const {
    for (const Header& header : *this) {
        if (header.field == field) return &header;
    }
    return nullptr;
}

const Header* HeaderTable::find(std::string_view name) const {
    const Field field = lookup_field(name);
    if (field != Field::other) return find(field);
    for (const Header& header : *this) {
        if (header.field == Field::other && base::iequals(header.name, name)) return &header;
    }
    return nullptr;
}

size_t HeaderTable::count(Field field) const {
    size_t found = 0;
    for (const Header& header : *this) found += header.field == field ? 1 : 0;
    return found;
}

void HeaderTable::set(Field field, std::string_view value) {
    const Header* found = find(field);
    if (found == nullptr) return push({name_of(field), value, field});
    const auto first = static_cast<size_t>(found - begin());
    at(first).value = value;
    if (std::none_of(begin() + first + 1, end(), [field](const Header& one) { return one.field == field; })) return;
    size_t i = 0;
    remove_if([&](const Header& header) { return i++ > first && header.field == field; });
}

void HeaderTable::set(std::string_view name, std::string_view value) {
    if (const Field field = lookup_field(name); field != Field::other) {
        const Header* found = find(field);
        if (found == nullptr) return push({name, value, field});
        return set(field, value);
    }
    const auto is_same = [name](const Header& one) {
        return one.field == Field::other && base::iequals(one.name, name);
    };
    const Header* found = std::find_if(begin(), end(), is_same);
    if (found == end()) return push({name, value, Field::other});
    const auto first = static_cast<size_t>(found - begin());
    at(first).value = value;
    size_t i = 0;
    remove_if([&](const Header& header) { return i++ > first && is_same(header); });
}

void HeaderTable::remove(Field field) {
    remove_if([field](const Header& header) { return header.field == field; });
}

void HeaderTable::remove(std::string_view name) {
    const Field field = lookup_field(name);
    remove_if([&](const Header& header) {
        return header.field == field && (field != Field::other || base::iequals(header.name, name));
    });
}

void HeaderTable::spill(const Header& header) {
    const Header copy = header;  // it may be one of ours, about to move
    if (spilled_.empty()) {
        spilled_.reserve(2 * kInline);
        spilled_.assign(inline_.begin(), inline_.end());
    }
    spilled_.push_back(copy);
    ++size_;
}

void HeaderTable::truncate(size_t size) {
    if (!spilled_.empty()) {
        spilled_.resize(size);
        if (size <= kInline) {
            std::copy(spilled_.begin(), spilled_.end(), inline_.begin());
            spilled_.clear();
        }
    }
    size_ = size;
}

}  // namespace tl::codec
