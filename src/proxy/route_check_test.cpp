// What check, plan and the 404 of development say about routes: ties, routes that never match, why each lost.
#include <gtest/gtest.h>

#include "proxy/route_testing.h"

namespace tl::proxy {
namespace {

using namespace testing;

std::string pairs(const std::vector<RouteTable::Conflict>& conflicts) {
    std::vector<std::string> texts;
    for (const auto& pair : conflicts) texts.push_back(std::to_string(pair.first) + "-" + std::to_string(pair.second));
    return base::join(texts, " ");
}

struct Case {
    std::vector<std::string> routes;
    std::string wanted;
};

TEST(RouteConflicts, AreRoutesWithTheSameRight) {
    const Case cases[] = {
        {{"/a", "/a"}, "0-1"},
        {{"/a", "/a", "/a"}, "0-1 0-2 1-2"},
        {{"/a/{x}", "/a/{y}"}, "0-1"},
        {{"/%61", "/a"}, "0-1"},
        {{"A.com/a", "a.com:80/a"}, "0-1"},
        {{"*/a", "/a"}, "0-1"},
        {{"/a", "/a/"}, ""},
        {{"/a/*", "/a"}, ""},
        {{"/a/{x}", "/a/b"}, ""},
        {{"/{x}/b", "/a/{y}"}, ""},
        {{"/a", "a.com/a"}, ""},
        {{"GET /a", "POST /a"}, ""},
        {{"GET /a", "GET,POST /a"}, "0-1"},
        {{"GET /a", "HEAD /a"}, ""},
        {{"GET /a", "/a"}, ""},
        {{"LINK /a", "LINK /a"}, "0-1"},
        {{"/a x:1", "/a x:2"}, ""},
        {{"/a x:1", "/a X:1"}, "0-1"},
        {{"/a x:1", "/a y:2"}, "0-1"},
        {{"/a x", "/a x:1"}, ""},
        {{"/a?x=1", "/a?x=2"}, ""},
        {{"/a?x=1", "/a?X=2"}, "0-1"},
        {{"/a?x", "/a y"}, "0-1"},
        {{"GET /a", "/a y"}, "0-1"},
        {{"GET /a", "/a y:1"}, ""},
        {{"/a !1", "/a"}, ""},
        {{"/a !1", "/a !1"}, "0-1"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(pairs(RouteTable::conflicts(rules_of(c.routes))), c.wanted) << base::join(c.routes, ", ");
    }
    EXPECT_EQ(RouteTable::conflicts(rules_of(std::vector<std::string>(100, "/a"))).size(), 256U) << "bounded";
}

TEST(RouteShadows, AreRoutesThatNeverMatch) {
    const Case cases[] = {
        {{"/a", "/a"}, "0-1"},
        {{"/a", "/a/b"}, ""},
        {{"/*", "/a"}, ""},
        {{"/* !1", "/a"}, "0-1"},
        {{"/a", "/* !1"}, "1-0"},
        {{"/* !1", "/a !1"}, ""},
        {{"/* !1", "/a !2"}, ""},
        {{"/*", "/a !-1"}, "0-1"},
        {{"/a/* !1", "/a"}, "0-1"},
        {{"/a/{x} !1", "/a/"}, ""},
        {{"/{x} !1", "/a"}, "0-1"},
        {{"a.com/* !1", "/a"}, ""},
        {{"/* !1", "a.com/a"}, "0-1"},
        {{"*.com/* !1", "a.com/a"}, "0-1"},
        {{"*.com/* !1", "com/a"}, ""},
        {{"*.com/* !1", "*.a.com/a"}, "0-1"},
        {{"*.a.com/* !1", "*.com/a"}, ""},
        {{"GET /* !1", "/a"}, ""},
        {{"GET /* !1", "GET /a"}, "0-1"},
        {{"GET /* !1", "HEAD /a"}, "0-1"},
        {{"HEAD /* !1", "GET /a"}, ""},
        {{"GET,POST /a", "POST /a"}, "0-1"},
        {{"GET,POST /a", "POST,PUT /a"}, ""},
        {{"/* x !1", "/a"}, ""},
        {{"/* x !1", "/a x:1"}, "0-1"},
        {{"/* x:1 !1", "/a x"}, ""},
        {{"/* x:1 !1", "/a X:1 y"}, "0-1"},
        {{"/*?k !1", "/a?k=1"}, "0-1"},
        {{"/a x", "/a x:1"}, ""},
        {{"/* !1", "/a", "/b"}, "0-1 0-2"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(pairs(RouteTable::shadowed(rules_of(c.routes))), c.wanted) << base::join(c.routes, ", ");
    }
}

std::vector<std::string> why(const std::vector<std::string>& routes, const std::string& request, size_t most = 9) {
    const RouteTable table = table_of(rules_of(routes));
    const Line line = parse_line(request);
    codec::RequestHead head;
    fill(head, line);
    std::vector<std::string> told;
    for (const auto& verdict : table.explain(head, line.path, most)) told.push_back(verdict.why);
    return told;
}

TEST(RouteExplain, SaysWhyARouteLost) {
    struct Told {
        std::string route;
        std::string request;
        std::string why;
    };
    const Told cases[] = {
        {"/api/users/*", "/api/user/1",
         "path: /api/users/* does not match at segment 2 (\"user\"; did you mean \"users\"?)"},
        {"/api/users", "/api/orders",
         "path: /api/users does not match at segment 2 (\"orders\"; the route wants \"users\")"},
        {"/api/users", "/api", "path: /api/users goes on with \"users\" where the request ends"},
        {"/api/{id}", "/api", "path: /api/{id} goes on with \"{id}\" where the request ends"},
        {"/api/{id}", "/api/",
         "path: /api/{id} does not match at segment 2 (empty; {id} takes at least one character)"},
        {"/api/users", "/api/users/1", "path: /api/users ends where the request goes on with \"1\""},
        {"/api/users", "/api/users/", "path: /api/users has no \"/\" at its end, the request has"},
        {"/api/users/", "/api/users", "path: /api/users/ ends in \"/\", the request does not"},
        {"/api/", "/api/x", "path: /api/ does not match at segment 2 (\"x\"; the route ends in \"/\" there)"},
        {"/api/x", "/api/", "path: /api/x does not match at segment 2 (empty; the route wants \"x\")"},
        {"GET /a", "POST /a", "method is POST, the route takes GET"},
        {"GET,PUT /a", "POST /a", "method is POST, the route takes one of GET, PUT"},
        {"/a x-beta", "/a", "header x-beta is missing"},
        {"/a x-beta:1", "/a X-Beta:2", "header x-beta is \"2\", the route wants \"1\""},
        {"/a?k", "/a", "query k is missing"},
        {"/a?k=1", "/a?k=2", "query k has another value, the route wants \"1\""},
        {"b.example/a", "A.example:80/a", "host is a.example, the route wants b.example"},
        {"b.example/a", "/a", "the request names no host, the route wants b.example"},
        {"GET /a x-beta", "POST /a", "method is POST, the route takes GET; header x-beta is missing"},
        {"/a", "/a", "it matches, if no other route goes before it"},
    };
    for (const auto& [route, request, wanted] : cases) {
        EXPECT_EQ(why({route}, request), std::vector<std::string>{wanted}) << route << " asked for " << request;
    }
}

TEST(RouteExplain, TellsTheNearestFirstAndNoMoreThanAsked) {
    const std::vector<std::string> routes = {"/z/y/x", "/api/orders", "/api/users/*", "POST /api/user/{id}", "/*  x-a"};
    const auto told = why(routes, "GET /api/user/1", 4);
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told[0], "method is GET, the route takes POST");
    EXPECT_EQ(told[1], "header x-a is missing");
    EXPECT_TRUE(told[2].starts_with("path: /api/users/*")) << told[2];
    EXPECT_TRUE(told[3].starts_with("path: /api/orders")) << told[3];
    EXPECT_TRUE(why(routes, "/", 0).empty());
}

TEST(RouteExplain, ShowsNothingRawThatAClientSent) {
    const std::string told = why({"/abc"}, "/\x1b[31m" + std::string(5000, 'x'))[0];
    EXPECT_EQ(told.find('\x1b'), std::string::npos);
    EXPECT_LT(told.size(), 300U);
}

}  // namespace
}  // namespace tl::proxy
