// Any bytes as a path, a pattern, a rewrite, and as the dice of a table of routes: the form of a path is final and has
// no dot segments, a pattern matches what it covers, no parameter makes a rewritten path climb, and the tree finds
// what a plain search finds.
#include <span>

#include "fuzz_support.h"
#include "proxy/route_testing.h"

namespace {

using namespace tl::proxy;
using tl::base::Arena;
using tl::fuzz::require;

// Numbers from the input, 0 when it is used up.
class Dice {
  public:
    explicit Dice(std::string_view bytes) : bytes_(bytes) {}
    unsigned operator()(unsigned n) {
        if (bytes_.empty()) return 0;
        const auto drawn = static_cast<uint8_t>(bytes_[0]);
        bytes_.remove_prefix(1);
        return drawn % n;
    }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

  private:
    std::string_view bytes_;
};

bool has_dots(std::string_view path) {
    for (const std::string_view segment : tl::base::split(path, '/')) {
        if (segment == "." || segment == "..") return true;
    }
    return false;
}

// As a careless service would read it: every code decoded at once.
std::string decoded(std::string_view path) {
    std::string out;
    for (size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '%') {
            out += path[i];
            continue;
        }
        require(i + 2 < path.size(), "a broken code was let through");
        const std::string digits{path.substr(i + 1, 2)};
        require(digits.find_first_not_of("0123456789ABCDEF") == std::string::npos, "a code is not in form");
        out += static_cast<char>(std::stoi(digits, nullptr, 16));
        i += 2;
    }
    return out;
}

void check_path(std::string_view given) {
    Arena arena;
    const auto path = normalize_path(given, arena);
    if (!path) {
        require(!path.error().context.empty(), "refused without a word");
        return;
    }
    require(path->size() <= given.size() && path->starts_with('/'), "the path grew or lost its root");
    require(!has_dots(*path), "a dot segment was let through");
    std::string plain = decoded(*path);
    require(plain.find('\0') == std::string::npos || given.find('\0') != std::string::npos, "a NUL was decoded");
    std::ranges::replace(plain, '\\', '/');
    require(!has_dots(plain), "a dot segment hides behind a code");
    const auto again = normalize_path(*path, arena);
    require(again && *again == *path, "the form is not final");
}

RouteTable table_of_one(const PathPattern& pattern) {
    RouteRule rule;
    rule.path = pattern;
    return testing::table_of({rule});
}

void check_pattern(std::string_view text, std::string_view other_text, std::string_view given) {
    const auto pattern = PathPattern::parse(text);
    if (!pattern) return;
    require(pattern->covers(*pattern) && pattern->same_shape(*pattern), "a pattern does not cover itself");
    Arena arena;
    const auto path = normalize_path(given, arena);
    if (!path) return;
    const tl::codec::RequestHead head;
    const RouteTable table = table_of_one(*pattern);
    const RouteMatch match = table.find(head, *path);
    if (const auto other = PathPattern::parse(other_text); other && pattern->covers(*other)) {
        const RouteTable theirs = table_of_one(*other);
        require(theirs.find(head, *path).route == nullptr || match.route != nullptr, "covered, but not matched");
    }
    const auto rewrite = PathTemplate::parse(other_text, *pattern);
    if (!rewrite || match.route == nullptr) return;
    const std::string_view made = rewrite->expand(match.path, arena);
    require(made.starts_with('/') && !has_dots(made), "a rewritten path climbs");
    const auto again = normalize_path(made, arena);
    require(again && *again == made, "a rewritten path is not in form");
}

void check_table(Dice dice) {
    const unsigned names = dice(2) == 0 ? 12 : 3;
    const bool priorities = dice(3) == 0;
    const unsigned count = 1 + dice(24);
    std::vector<RouteRule> rules;
    for (unsigned i = 0; i < count; ++i) {
        rules.push_back(testing::rule_of(testing::random_line(dice, names, true, priorities)));
    }
    const RouteTable table = testing::table_of(rules);
    const auto shadowed = RouteTable::shadowed(rules);
    for (int i = 0; i < 8 && !dice.empty(); ++i) {
        const testing::Line request = testing::random_line(dice, names, false, false);
        tl::codec::RequestHead head;
        testing::fill(head, request);
        const testing::PlainAnswer wanted = testing::plain_find(rules, request);
        const RouteMatch found = table.find(head, request.path);
        require((found.route != nullptr) == wanted.route.has_value(), "one finds a route, the other none");
        for (const auto& verdict : table.explain(head, request.path, rules.size())) {
            require(!verdict.why.empty(), "lost without a word");
        }
        if (found.route == nullptr) continue;
        require(found.route == table.routes()[*wanted.route].get(), "another route is found");
        require(std::ranges::equal(std::span(found.path.params, found.path.count), wanted.match.params),
                "other parameters are found");
        require(found.path.rest == wanted.match.rest, "another rest is found");
        for (const auto& pair : shadowed) require(pair.second != *wanted.route, "a shadowed route matched");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    // Lines: path, pattern, rewrite or other pattern. The same bytes are the dice of a table.
    const auto lines = tl::base::split(bytes, '\n');
    const std::string path = '/' + std::string{lines[0]};
    check_path(path);
    if (lines.size() > 2) check_pattern(lines[1], lines[2], path);
    check_table(Dice{bytes});
    return 0;
}
