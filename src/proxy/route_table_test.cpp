// Which route takes a request: one table of routes, then requests and the route that each wants. The lines are
// described in route_testing.h.
#include "proxy/route_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/route_testing.h"

namespace tl::proxy {
namespace {

using namespace testing;

// "the route's line", then " | " and parameters and rest if there are any; "none".
std::string found_by(const RouteTable& table, const std::string& request) {
    const Line line = parse_line(request);
    codec::RequestHead head;
    fill(head, line);
    const RouteMatch match = table.find(head, line.path);
    if (match.route == nullptr) return "none";
    std::string text = match.route->rule.name;
    if (match.path.count > 0 || !match.path.rest.empty()) text += " |";
    for (size_t i = 0; i < match.path.count; ++i) text += ' ' + std::string{match.path.params[i]};
    if (!match.path.rest.empty()) text += " rest=" + std::string{match.path.rest};
    return text;
}

struct Want {
    std::string request;
    std::string route;
};

void expect(const std::vector<std::string>& routes, const std::vector<Want>& wanted) {
    const RouteTable table = table_of(rules_of(routes));
    for (const Want& want : wanted) EXPECT_EQ(found_by(table, want.request), want.route) << want.request;
}

TEST(RouteTable, WithoutRoutesFindsNone) {
    const codec::RequestHead head;
    EXPECT_EQ(RouteTable{}.find(head, "/").route, nullptr);
    EXPECT_EQ(RouteTable::make({}).find(head, "/").route, nullptr);
    EXPECT_TRUE(RouteTable{}.explain(head, "/", 5).empty());
}

TEST(RouteTable, MatchesPathsSegmentBySegment) {
    expect({"/", "/users", "/users/{id}", "/users/{id}/orders", "/api/*", "/slash/", "/a//b", "/caf\xc3\xa9"},
           {{"/", "/"},
            {"/users", "/users"},
            {"/users/", "none"},  // another path; and no user
            {"/Users", "none"},
            {"/user", "none"},
            {"/usersx", "none"},
            {"/users/42", "/users/{id} | 42"},
            {"/users/42/", "none"},
            {"/users/42/orders", "/users/{id}/orders | 42"},
            {"/users/42/orders/1", "none"},
            {"/users//orders", "none"},
            {"/users/a%2Fb", "/users/{id} | a%2Fb"},
            {"/api", "/api/*"},
            {"/api/", "/api/* | rest=/"},
            {"/api/x", "/api/* | rest=/x"},
            {"/api/x/y/", "/api/* | rest=/x/y/"},
            {"/api//x", "/api/* | rest=//x"},
            {"/apix", "none"},
            {"/slash/", "/slash/"},
            {"/slash", "none"},
            {"/a//b", "/a//b"},
            {"/a/b", "none"},
            {"//", "none"},
            {"/caf%C3%A9", "/caf\xc3\xa9"}});
}

TEST(RouteTable, PrefersTheMoreSpecificPathAndTurnsBack) {
    expect(
        {"/*", "/a/*", "/a/{x}", "/a/b/d", "/a/{x}/c", "/a/b", "/a/b/*", "/{v}/z", "/q/{x}/{y}", "/q/r/*", "/q/r/s/t"},
        {{"/", "/* | rest=/"},
         {"/x", "/* | rest=/x"},
         {"/a", "/a/*"},
         {"/a/", "/a/* | rest=/"},
         {"/a/b", "/a/b"},
         {"/a/x", "/a/{x} | x"},
         {"/a/b/d", "/a/b/d"},
         {"/a/b/c", "/a/b/* | rest=/c"},  // from the left: the literal b goes before {x}
         {"/a/x/c", "/a/{x}/c | x"},
         {"/a/x/e", "/a/* | rest=/x/e"},
         {"/a/z", "/a/{x} | z"},
         {"/w/z", "/{v}/z | w"},
         {"/q/r/s", "/q/r/* | rest=/s"},
         {"/q/x/s", "/q/{x}/{y} | x s"},
         {"/q/r/s/t", "/q/r/s/t"},
         {"/q/r/s/u", "/q/r/* | rest=/s/u"}});
    // Without /a/b/* the search turns back from b to {x}, and parameters are taken back with it.
    expect({"/a/{x}/c", "/a/b/d", "/{v}/b/{w}/e"},
           {{"/a/b/c", "/a/{x}/c | b"}, {"/a/b/d", "/a/b/d"}, {"/a/b/d/e", "/{v}/b/{w}/e | a d"}, {"/a/b/x", "none"}});
}

TEST(RouteTable, PrefersExactHostsThenLongWildcardsThenAny) {
    expect({"/x", "/any", "*.example.com/x", "*.example.com/wild", "*.b.example.com/x", "a.example.com/x",
            "example.com/apex", "[::1]/x", "2001:db8::7/six", "*/star"},
           {{"a.example.com/x", "a.example.com/x"},
            {"A.Example.COM/x", "a.example.com/x"},
            {"a.example.com:8443/x", "a.example.com/x"},
            {"a.example.com./x", "a.example.com/x"},
            {"a.example.com.:80/x", "a.example.com/x"},
            {"z.example.com/x", "*.example.com/x"},
            {"z.b.example.com/x", "*.b.example.com/x"},
            {"y.z.b.example.com/x", "*.b.example.com/x"},
            {"b.example.com/x", "*.example.com/x"},
            {"example.com/x", "/x"},  // a wildcard is not its own apex
            {".example.com/x", "/x"},
            {"notexample.com/x", "/x"},
            {"example.com/apex", "example.com/apex"},
            {"a.example.com/wild", "*.example.com/wild"},  // the exact host has no such route
            {"z.b.example.com/wild", "*.example.com/wild"},
            {"a.example.com/any", "/any"},
            {"a.example.com/none", "none"},
            {"/x", "/x"},
            {"[::1]/x", "[::1]/x"},
            {"[::1]:8080/x", "[::1]/x"},
            {"[::2]/x", "/x"},
            {"[2001:DB8::7]:80/six", "2001:db8::7/six"},
            {"w.org/star", "*/star"},
            {std::string(300, 'a') + ".example.com/x", "/x"}});
}

TEST(RouteTable, FindsOneOfManyHostsAndSegments) {
    std::vector<std::string> routes;
    std::vector<Want> wanted{{"h50.net/p50", "none"}, {"/s", "none"}, {"/s/s50/x", "none"}, {"x.w50.net/", "none"}};
    for (int i = 0; i < 50; ++i) {
        const std::string n = std::to_string(i);
        const std::string exact = fmt::format("h{}.net/p{}", n, n);
        const std::string wildcard = fmt::format("*.w{}.net/", n);
        const std::string parameter = fmt::format("/s/s{}/{{x}}", n);
        routes.insert(routes.end(), {exact, wildcard, parameter});
        wanted.push_back({exact, exact});
        wanted.push_back({"x" + wildcard.substr(1), wildcard});
        wanted.push_back({fmt::format("/s/s{}/{}", n, n), fmt::format("{} | {}", parameter, n)});
    }
    expect(routes, wanted);
}

TEST(RouteTable, MatchesMethods) {
    expect({"GET /a", "POST,PUT /a", "/b", "GET /b", "GET /h", "HEAD /h", "LINK /l", "get /low"},
           {{"GET /a", "GET /a"},
            {"HEAD /a", "GET /a"},  // the same answer without its body
            {"PUT /a", "POST,PUT /a"},
            {"OPTIONS /a", "none"},
            {"DELETE /a", "none"},
            {"GET /b", "GET /b"},
            {"DELETE /b", "/b"},
            {"OPTIONS /b", "/b"},
            {"GET /h", "GET /h"},
            {"HEAD /h", "HEAD /h"},
            {"LINK /l", "LINK /l"},
            {"UNLINK /l", "none"},
            {"link /l", "none"},
            {"GET /low", "none"},
            {"get /low", "get /low"}});
}

TEST(RouteTable, MatchesHeadersAndPrefersMoreConditions) {
    expect({"/a", "/a x-beta", "/a x-beta:1", "GET /a x-beta:1", "/a accept:text/html", "/b x-beta:2",
            "POST /a x-c x-beta"},
           {{"POST /a", "/a"},
            {"POST /a x-other:1", "/a"},
            {"POST /a X-Beta:0", "/a x-beta"},
            {"POST /a X-BETA:1", "/a x-beta:1"},
            {"POST /a x-beta:2 x-beta:1", "/a x-beta:1"},  // any line of the name
            {"GET /a x-beta:1", "GET /a x-beta:1"},
            {"POST /a Accept:text/html", "/a accept:text/html"},
            {"POST /a Accept:Text/HTML", "/a"},
            {"POST /a x-beta:1 x-c:1", "POST /a x-c x-beta"},  // three conditions before one exact
            {"/b x-beta:22", "none"},
            {"/b x-beta", "none"},
            {"/b x-beta:2", "/b x-beta:2"}});
}

TEST(RouteTable, MatchesQueriesAfterDecoding) {
    const RouteRule spaced{.name = "spaced", .path = *PathPattern::parse("/s"), .query = {{"full name", "a&b=c d"}}};
    std::vector<RouteRule> rules = rules_of({"/a", "/a?k", "/a?k=1", "/a?k=1&l", "/e?k="});
    rules.push_back(spaced);
    const RouteTable table = table_of(rules);
    const std::vector<Want> cases = {
        {"/a", "/a"},
        {"/a?kk=1", "/a"},
        {"/a?x=k", "/a"},
        {"/a?K=1", "/a"},
        {"/a?k", "/a?k"},
        {"/a?k=", "/a?k"},
        {"/a?k=2", "/a?k"},
        {"/a?k=1", "/a?k=1"},
        {"/a?k=2&k=1", "/a?k=1"},  // any of them
        {"/a?%6b=%31", "/a?k=1"},
        {"/a?&&k=1&", "/a?k=1"},
        {"/a?k=1=1", "/a?k"},
        {"/a?k=1&l=9", "/a?k=1&l"},
        {"/a?=1", "/a"},
        {"/e?k", "/e?k="},
        {"/e?k=", "/e?k="},
        {"/e?k=1", "none"},
        {"/s?full+name=a%26b%3Dc+d", "spaced"},
        {"/s?full%20name=a%26b=c%20d", "spaced"},
        {"/s?full%2Bname=a%26b%3Dc+d", "none"},
        {"/s?full%2name=x", "none"},
        {"/s?full+name=a%26b%3Dc+%", "none"},
    };
    for (const auto& [request, route] : cases) EXPECT_EQ(found_by(table, request), route) << request;
}

TEST(RouteTable, PutsPriorityBeforeEverything) {
    expect({"/a/b", "/a/* !5", "a.com/a/b !1", "GET /a/b x-a:1", "/low !-1", "/*", "/t/* !5", "/t/u !5"},
           {{"/a/b", "/a/* !5 | rest=/b"},
            {"a.com/a/b", "/a/* !5 | rest=/b"},  // over hosts too
            {"GET /a/b x-a:1", "/a/* !5 | rest=/b"},
            {"/low", "/* | rest=/low"},
            {"/t/u", "/t/u !5"},  // as high: the more specific
            {"/t/v", "/t/* !5 | rest=/v"},
            {"/z", "/* | rest=/z"}});
    expect({"/{x}/b", "/a/{y}/c !1", "/a/{y}/{z}"}, {{"/a/q/c", "/a/{y}/c !1 | q"}, {"/a/b", "/{x}/b | a"}});
}

TEST(RouteTable, MatchesNothingThatIsNoPath) { expect({"/*"}, {{"OPTIONS *", "none"}, {"/", "/* | rest=/"}}); }

TEST(RouteTable, StaysValidWhenMoved) {
    RouteTable first = table_of(rules_of({"h.net/a", "/b/{x}"}));
    RouteTable second = std::move(first);
    EXPECT_EQ(found_by(second, "h.net/a"), "h.net/a");
    EXPECT_EQ(found_by(second, "/b/1"), "/b/{x} | 1");
}

}  // namespace
}  // namespace tl::proxy
