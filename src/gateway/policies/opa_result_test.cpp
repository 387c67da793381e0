// What answers of OPA's data API mean; the hostile ones by a real connection: tests/conformance/test_policy_opa.py.
#include "gateway/policies/opa_result.h"

#include <gtest/gtest.h>

#include "gateway/gateway_testing.h"
#include "gateway/policies/opa_input.h"

namespace tl::gateway {
namespace {

const std::vector<std::string> kTake{"X-User"};
const std::vector<std::string> kAnswer{"Location", "Set-Cookie"};

// "yes", "403", "302 Location=/in (kept)": what is said; "error" for what is no answer.
std::string said(std::string_view body) {
    const auto decision = parse_opa_result(body, kTake, kAnswer);
    if (!decision) return "error";
    std::string text = decision->allowed ? "yes" : std::to_string(decision->status);
    for (const auto& [name, value] : decision->headers) text += " " + name + "=" + value;
    if (!decision->reason.empty()) text += " because " + decision->reason;
    return text + (decision->keep ? "" : " once");
}

TEST(OpaResult, true_and_only_true_is_a_yes) {
    EXPECT_EQ(said(R"({"result": true})"), "yes");
    EXPECT_EQ(said(R"({"result": {"allow": true}, "decision_id": "x"})"), "yes");
    EXPECT_EQ(said(R"({"result": false})"), "403");
    EXPECT_EQ(said("{}"), "403 because undefined");
    for (const char* result : {"null", "1", "\"true\"", "[true]"})
        EXPECT_EQ(said(std::string{"{\"result\": "} + result + "}").substr(0, 3), "403") << result;
    for (const char* result :
         {"{}", R"({"allow": 1})", R"({"allow": "true"})", R"({"allow": null})", R"({"Allow": true})"})
        EXPECT_EQ(said(std::string{"{\"result\": "} + result + "}").substr(0, 3), "403") << result;
}

TEST(OpaResult, only_named_headers_are_taken_for_their_side) {
    EXPECT_EQ(said(R"({"result": {"allow": true, "headers": {"x-user": ["a", "b"], "Location": "/in", "Host": "c"}}})"),
              "yes x-user=a x-user=b");
    EXPECT_EQ(said(R"({"result": {"allow": false, "headers": {"X-User": "a", "Location": "/in"}, "status": 302}})"),
              "302 Location=/in once");
    EXPECT_EQ(said(R"({"result": {"allow": false, "headers": {"Set-Cookie": "a=1"}}})"), "403 Set-Cookie=a=1 once");
    EXPECT_EQ(said(R"({"result": {"allow": true, "headers": {"X-User": 1}}})"), "error");
    EXPECT_EQ(said(R"({"result": {"allow": true, "headers": []}})"), "error");
    EXPECT_EQ(said(R"({"result": {"allow": true, "headers": {"X-User": [["a"]]}}})"), "error");
}

TEST(OpaResult, a_status_that_is_none_is_403) {
    for (const char* status : {"302", "200", "503", "0", "-1", "\"401\"", "401.5", "1e300", "null", "65937"})
        EXPECT_EQ(said(std::string{R"({"result": {"allow": false, "status": )"} + status + "}}"), "403") << status;
    EXPECT_EQ(said(R"({"result": {"allow": false, "status": 401, "reason": "no\nway"}})"), "401 because no\\x0away");
}

TEST(OpaResult, what_is_no_answer_is_an_error) {
    for (const char* body :
         {"", "true", "[]", "{", "{\"result\": true", "{\"result\": true, \"result\": true}", "<html>"})
        EXPECT_EQ(said(body), "error") << body;
    EXPECT_EQ(said("{\"result\": " + std::string(100, '[') + std::string(100, ']') + "}"), "error");
}

TEST(OpaInput, tells_paths_and_queries_apart_that_decoding_would_join) {
    HeadOnly exchange;
    exchange.head.method_text = "GET";
    exchange.head.query = "a=1&b=%26c%3D2&a=2&&d";
    exchange.head.authority = "shop.example";
    exchange.head.headers.add("X-Tenant", "a\"},\"b");
    const proxy::Door door;
    const proxy::Route route{.rule = {.name = "/o/*", .host = {}, .path = *proxy::PathPattern::parse("/o/*")},
                             .service = "orders"};
    proxy::RequestContext context{.exchange = &exchange, .door = door, .began = base::TimePoint{}};
    context.path = "/o/a%2Fb/";
    context.route = &route;
    EXPECT_EQ(make_opa_input(context, {"x-tenant"}),
              R"({"input":{"client":{"address":"192.0.2.60"},"headers":{"x-tenant":"a\"},\"b"},"host":"shop.example",)"
              R"("identity":null,"method":"GET","path":["o","a/b",""],"query":{"a":["1","2"],"b":["&c=2"],"d":[""]},)"
              R"("route":"/o/*","scheme":"http","service":"orders"}})");
    context.path = "/";
    EXPECT_NE(make_opa_input(context, {}).find("\"path\":[]"), std::string::npos);
}

}  // namespace
}  // namespace tl::gateway
