#include "proxy/route_match.h"

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace tl::proxy {

namespace {

constexpr unsigned bit(codec::Method method) { return 1U << static_cast<unsigned>(method); }

codec::Method method_of(std::string_view name) {
    for (unsigned i = 0; i < static_cast<unsigned>(codec::Method::other); ++i) {
        const auto method = static_cast<codec::Method>(i);
        if (codec::to_string(method) == name) return method;
    }
    return codec::Method::other;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = base::to_lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// A broken code stands for itself: what a form sends is for the service to judge.
bool decodes_to(std::string_view coded, std::string_view text) {
    size_t at = 0;
    for (size_t i = 0; i < coded.size(); ++i, ++at) {
        if (at == text.size()) return false;
        char c = coded[i] == '+' ? ' ' : coded[i];
        if (c == '%' && i + 2 < coded.size() && hex_digit(coded[i + 1]) >= 0 && hex_digit(coded[i + 2]) >= 0) {
            c = static_cast<char>(hex_digit(coded[i + 1]) * 16 + hex_digit(coded[i + 2]));
            i += 2;
        }
        if (c != text[at]) return false;
    }
    return at == text.size();
}

}  // namespace

std::string_view host_of(std::string_view authority) {
    if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
    std::string_view host = authority.substr(0, authority.find(':'));
    if (host.ends_with('.')) host.remove_suffix(1);
    return host;
}

std::string host_in_form(std::string_view host) {
    if (host == "*") return "";
    // Two colons without brackets can only be an IPv6 address.
    const bool bare_v6 = !host.starts_with('[') && std::ranges::count(host, ':') > 1;
    return base::lower(bare_v6 ? host : host_of(host));
}

bool host_covers(std::string_view mine, std::string_view theirs) {
    if (mine.empty() || mine == theirs) return true;
    if (!is_wildcard(mine) || theirs.empty()) return false;
    if (is_wildcard(theirs)) theirs.remove_prefix(1);
    const std::string_view suffix = mine.substr(1);
    return theirs.size() > suffix.size() && theirs.ends_with(suffix);
}

MethodSet::MethodSet(const std::vector<std::string>& names) : all_(names.empty()) {
    for (const std::string& name : names) {
        const codec::Method method = method_of(name);
        if (method == codec::Method::other) {
            others_.push_back(name);
        } else {
            named_ |= bit(method);
        }
    }
    bits_ = named_ | ((named_ & bit(codec::Method::get)) != 0 ? bit(codec::Method::head) : 0U);
    names_head_ = (named_ & bit(codec::Method::head)) != 0;
}

bool MethodSet::has_other(std::string_view name) const { return std::ranges::find(others_, name) != others_.end(); }

bool MethodSet::covers(const MethodSet& other) const {
    if (all_) return true;
    if (other.all_ || (other.bits_ & ~bits_) != 0) return false;
    return std::ranges::all_of(other.others_, [&](const std::string& name) { return has_other(name); });
}

bool MethodSet::meets(const MethodSet& other) const {
    if (all_ || other.all_ || (named_ & other.named_) != 0) return true;
    return std::ranges::any_of(other.others_, [&](const std::string& name) { return has_other(name); });
}

bool header_matches(const FieldMatch& wanted, codec::Field field, const codec::HeaderTable& headers) {
    for (const codec::Header& header : headers) {
        if (header.field != field) continue;
        if (field == codec::Field::other && !base::iequals(header.name, wanted.name)) continue;
        if (!wanted.value || header.value == *wanted.value) return true;
    }
    return false;
}

bool query_matches(const FieldMatch& wanted, std::string_view query) {
    while (!query.empty()) {
        const size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        const size_t equals = std::min(pair.find('='), pair.size());
        if (!pair.empty() && decodes_to(pair.substr(0, equals), wanted.name)) {
            const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
            if (!wanted.value || decodes_to(value, *wanted.value)) return true;
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return false;
}

RuleMatcher::RuleMatcher(const RouteRule& rule, size_t index)
    : methods_(rule.methods), priority_(rule.priority), rule_(&rule), index_(index) {
    has_conditions_ = !rule.headers.empty() || !rule.query.empty();
    for (const FieldMatch& header : rule.headers) fields_.push_back(codec::lookup_field(header.name));
    conditions_ = static_cast<uint32_t>((methods_.all() ? 0 : 1) + rule.headers.size() + rule.query.size());
    const auto exact = [](const FieldMatch& wanted) { return wanted.value.has_value(); };
    exact_ =
        static_cast<uint32_t>(std::ranges::count_if(rule.headers, exact) + std::ranges::count_if(rule.query, exact));
}

bool RuleMatcher::before(const RuleMatcher& other) const {
    const auto rank = [](const RuleMatcher& m) {
        return std::tuple{m.priority_, m.conditions_, m.exact_, m.methods_.names_head()};
    };
    const auto mine = rank(*this);
    const auto theirs = rank(other);
    return mine != theirs ? mine > theirs : index_ < other.index_;
}

bool RuleMatcher::conditions_match(const codec::RequestHead& head) const {
    for (size_t i = 0; i < fields_.size(); ++i) {
        if (!header_matches(rule_->headers[i], fields_[i], head.headers)) return false;
    }
    return std::ranges::all_of(rule_->query,
                               [&](const FieldMatch& wanted) { return query_matches(wanted, head.query); });
}

}  // namespace tl::proxy
