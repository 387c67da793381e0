#include "proxy/client.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "net/tls.h"
#include "proxy/door.h"

namespace tl::proxy {

using codec::Field;

namespace {

// As many hops are looked at as a chain of proxies may have; a longer one is made up.
constexpr size_t kMostHops = 32;

std::string_view unquoted(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
    return text;
}

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". Names ("unknown", "_hidden") are
// none.
std::optional<net::Address> parse_node(std::string_view text) {
    if (text.starts_with('[')) {
        const size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        const std::string_view behind = text.substr(close + 1);
        if (!behind.empty() && behind.front() != ':') return std::nullopt;
        text = text.substr(1, close - 1);
    } else if (std::ranges::count(text, ':') == 1) {
        text = text.substr(0, text.find(':'));
    }
    auto address = net::Address::from_ip(text, 0);
    if (!address) return std::nullopt;
    return *address;
}

// "for=192.0.2.60;proto=http" (RFC 7239 4); a semicolon or comma in quotes is not looked for: it would be no address.
std::string_view for_of(std::string_view element) {
    for (const std::string_view pair : base::split(element, ';')) {
        const std::string_view trimmed = base::trim(pair);
        if (trimmed.size() > 4 && base::iequals(trimmed.substr(0, 4), "for=")) return unquoted(trimmed.substr(4));
    }
    return {};
}

// Walks a field's list from its right end, over all its lines.
class Hops {
  public:
    Hops(const codec::HeaderTable& headers, Field field) : headers_(&headers), field_(field), line_(headers.size()) {}

    [[nodiscard]] std::optional<std::string_view> next() {
        while (!in_line_) {
            if (line_ == 0) return std::nullopt;
            const codec::Header& header = (*headers_)[--line_];
            if (header.field != field_) continue;
            left_ = header.value;
            in_line_ = true;
        }
        const size_t comma = left_.rfind(',');
        in_line_ = comma != std::string_view::npos;
        const std::string_view last = base::trim(in_line_ ? left_.substr(comma + 1) : left_);
        if (in_line_) left_ = left_.substr(0, comma);
        return field_ == Field::forwarded ? for_of(last) : last;
    }

  private:
    const codec::HeaderTable* headers_;
    Field field_;
    size_t line_;
    std::string_view left_;
    bool in_line_ = false;
};

}  // namespace

void name_client(RequestContext& context) {
    const Door& door = context.door;
    if (!door.trusted_proxies.contains(context.exchange->peer())) return;
    context.from_proxy = true;
    Hops hops{context.head().headers, door.client_in_forwarded ? Field::forwarded : Field::x_forwarded_for};
    for (size_t i = 0; i < kMostHops; ++i) {
        const auto hop = hops.next();
        if (!hop) return;
        const auto address = parse_node(*hop);
        // What is no address ends the chain: behind it everything may be made up.
        if (!address) return;
        context.named_client = std::make_unique<net::Address>(*address);
        context.client = context.named_client.get();
        if (!door.trusted_proxies.contains(*address)) return;
    }
}

bool trusts_caller(const RequestContext& context) { return context.door.trusts_callers || context.from_proxy; }

bool is_secure(const RequestContext& context) {
    if (context.exchange->tls() != nullptr) return true;
    return trusts_caller(context) && context.head().headers.value(Field::x_forwarded_proto) == "https";
}

}  // namespace tl::proxy
