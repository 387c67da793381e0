// What one route asks of a request besides its path: host, methods, header and query conditions, and which of two
// routes goes first. Plain functions without allocation, shared by the table (find), its checks (conflicts, shadowed)
// and its words (explain), so that the three cannot disagree. Not for use outside of proxy/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/http1.h"
#include "proxy/route.h"

namespace tl::proxy {

// The host of "Example.com.:8080" or "[::1]:80": no port, no brackets, no final dot; case untouched.
[[nodiscard]] std::string_view host_of(std::string_view authority);

// A rule's host in the form in which tables keep it: lower case, without port and final dot; "*" becomes "".
[[nodiscard]] std::string host_in_form(std::string_view host);

[[nodiscard]] inline bool is_wildcard(std::string_view host) { return host.starts_with("*."); }
// Both in form: every host that `theirs` matches, `mine` matches too.
[[nodiscard]] bool host_covers(std::string_view mine, std::string_view theirs);

// The methods that a route takes, as bits for the known ones and names for the others. A route for GET also takes
// HEAD (RFC 9110 9.3.2: the same answer without its body); OPTIONS has to be named.
class MethodSet {
  public:
    MethodSet() = default;
    explicit MethodSet(const std::vector<std::string>& names);

    [[nodiscard]] bool has(const codec::RequestHead& head) const {
        if (all_) return true;
        if (head.method != codec::Method::other) [[likely]]
            return (bits_ >> static_cast<unsigned>(head.method)) & 1U;
        return has_other(head.method_text);
    }
    [[nodiscard]] bool all() const { return all_; }
    [[nodiscard]] bool names_head() const { return names_head_; }
    [[nodiscard]] bool covers(const MethodSet& other) const;
    // Some method is named by both; the HEAD that comes with GET does not count.
    [[nodiscard]] bool meets(const MethodSet& other) const;

  private:
    [[nodiscard]] bool has_other(std::string_view name) const;

    bool all_ = true;
    bool names_head_ = false;
    uint32_t bits_ = 0;   // by codec::Method, HEAD of GET included
    uint32_t named_ = 0;  // as given
    std::vector<std::string> others_;
};

// Any line of that name counts; names in any case, values exactly.
[[nodiscard]] bool header_matches(const FieldMatch& wanted, codec::Field field, const codec::HeaderTable& headers);
// Any pair of that key counts; keys and values are compared after percent-decoding, '+' is a space.
[[nodiscard]] bool query_matches(const FieldMatch& wanted, std::string_view query);

// A route made ready to be asked. Points into the rule, which outlives it.
class RuleMatcher {
  public:
    RuleMatcher(const RouteRule& rule, size_t index);

    [[nodiscard]] bool matches(const codec::RequestHead& head) const {
        return methods_.has(head) && (!has_conditions_ || conditions_match(head));
    }
    // Which of two routes with the same host and shape of path is asked first: higher priority, more conditions, more
    // exact values among them, HEAD named, given earlier. A strict total order.
    [[nodiscard]] bool before(const RuleMatcher& other) const;
    // Neither goes before the other for a reason that a user could know.
    [[nodiscard]] bool same_rank(const RuleMatcher& other) const {
        return priority_ == other.priority_ && conditions_ == other.conditions_ && exact_ == other.exact_;
    }
    [[nodiscard]] const RouteRule& rule() const { return *rule_; }
    [[nodiscard]] const MethodSet& methods() const { return methods_; }
    [[nodiscard]] size_t index() const { return index_; }
    [[nodiscard]] int priority() const { return priority_; }
    [[nodiscard]] uint32_t conditions() const { return conditions_; }
    [[nodiscard]] uint32_t exact() const { return exact_; }

  private:
    [[nodiscard]] bool conditions_match(const codec::RequestHead& head) const;

    MethodSet methods_;
    bool has_conditions_ = false;
    int priority_ = 0;
    const RouteRule* rule_;
    std::vector<codec::Field> fields_;  // of rule_->headers, looked up once
    size_t index_;                      // among the given routes
    uint32_t conditions_ = 0;           // methods given, headers, query keys
    uint32_t exact_ = 0;                // those of them that want a certain value
};

}  // namespace tl::proxy
