// The parts of `import` that are pure: paths, rates, values, names; and that what is closed stays closed. Whole files
// are in tests/conformance/test_import.py.
#include <gtest/gtest.h>

#include "app/import/draft.h"
#include "app/import/fields.h"
#include "app/import/kong.h"
#include "app/import/kong_paths.h"
#include "app/import/krakend.h"
#include "app/import/krakend_join.h"
#include "app/import/rates.h"
#include "app/import/settle.h"
#include "app/import/url.h"
#include "app/manifest_model.h"
#include "manifest/document.h"

namespace tl::app {

namespace {

struct Expected {
    std::string_view expression;
    std::string_view path;  // "": cannot be said
    bool wider = false;
};

// The manifest of a Kong file; empty when there is none.
std::string kong(const std::string& text, Report& report) {
    const manifest::Document document = manifest::parse_document(text, "kong.yml");
    Draft draft{"kong"};
    if (!document.readable || import_kong(document.root, draft, report)) return {};
    return settle(draft, "trunkline.yaml", report).value_or("");
}

const std::string kOneService =
    "_format_version: \"3.0\"\nservices:\n- name: a\n  url: http://a.example\n  routes:\n  - { name: a, paths: [/a] ";

}  // namespace

TEST(KongPaths, expressions_become_patterns_where_parameters_can_say_them) {
    const Expected cases[] = {
        {R"(~/users/(?<id>[^/]+)$)", "/users/{id}"},
        {R"(~/users/(?<id>\d+)$)", "/users/{id}", true},
        {R"(~/users/\d+)", "/users/{p2}/*", true},
        {R"(~^/v1\.2/items$)", "/v1.2/items"},
        {R"(~/files/.*)", "/files/*"},
        {R"(~/files/(?<path>.*)$)", "/files/*"},
        {R"(~/a/[a-z]{2,8}/b/?$)", "/a/{p2}/b", true},
        {R"(~/(?:\w+)/x$)", "/{p1}/x", true},
        {R"(~/$)", "/"},
        {R"(~/(cats|dogs)/feed)", ""},
        {R"(~/a|/b)", ""},
        {R"(~/a(/b)?$)", ""},
        {R"(~/a.*b)", ""},
        {R"(~/.*/end$)", ""},
        {R"(~/x-\d+$)", ""},
        {R"(~/a[)", ""},
        {R"(~/a(b)", ""},
        {R"(~/a\)", ""},
        {R"(~/[ab/]+)", ""},
        {R"(~/\d*)", ""},
        {R"(~/\d{0,2})", ""},
        {R"(~users)", ""},
    };
    for (const Expected& one : cases) {
        const auto path = kong_regex(one.expression);
        EXPECT_EQ(path ? path->pattern() : "", one.path) << one.expression;
        EXPECT_EQ(path && path->wider, one.wider) << one.expression;
    }
}

TEST(KongPaths, a_prefix_takes_itself_and_all_below) {
    EXPECT_EQ(kong_prefix("/users/").pattern(), "/users/*");
    EXPECT_EQ(kong_prefix("/").pattern(), "/*");
    EXPECT_TRUE(is_kong_regex("/a/(b)", 1));
    EXPECT_FALSE(is_kong_regex("/a/(b)", 3));
}

TEST(ForeignRates, count_whole_requests) {
    EXPECT_EQ(rate_text({.requests = 5, .seconds = 1, .by = "client"}), "5/s by client");
    EXPECT_EQ(rate_text({.requests = 0.5, .seconds = 1, .by = "route"}), "1/2s by route");
    EXPECT_EQ(rate_text({.requests = 100, .seconds = 60, .by = "all", .burst = 20}), "100/m by all burst 20");
    EXPECT_EQ(rate_text({.requests = 3, .seconds = 0.25}), "3/250ms");
    EXPECT_EQ(rate_text({.requests = 0, .seconds = 1}), std::nullopt);
    EXPECT_EQ(rate_text({.requests = -1, .seconds = 1}), std::nullopt);
    EXPECT_EQ(rate_text({.requests = 1e-9, .seconds = 1}), std::nullopt);
    EXPECT_EQ(rate_text({.requests = 1e300, .seconds = 1}), std::nullopt);
}

TEST(KrakendValues, placeholders_point_at_the_request_and_at_calls_before) {
    const std::vector<KrakendCallName> calls{{"hotel", "hotel"}, {"resp1", ""}};
    EXPECT_EQ(join_text("/users/{id}", calls), "/users/{path.id}");
    EXPECT_EQ(join_text("/d/{resp0_hotel.destination}", calls), "/d/{hotel.destination}");
    EXPECT_EQ(join_text("/d/{resp0_destination}", calls), "/d/{hotel.destination}");
    EXPECT_EQ(join_text("/d/{resp1_a.b}", calls), "/d/{resp1.a.b}");
    EXPECT_EQ(join_text("/d/{{resp1_a.b}}/x", calls), "/d/{resp1.a.b}/x");
    EXPECT_EQ(join_text("/d/{{.id}}", calls), "/d/{path.id}");
    EXPECT_EQ(join_text("/d/{resp7_a}", calls), "/d/{path.resp7_a}");
    EXPECT_EQ(join_text("/d/{JWT.sub}", calls), "/d/{claim.sub}");
    EXPECT_EQ(join_text("/d/{input_headers.X-Tenant}", calls), "/d/{header.x-tenant}");
    EXPECT_EQ(join_text("/d/{open", calls), "/d/{{open");
}

TEST(Urls, are_read_leniently_and_lose_their_passwords) {
    const Url url = parse_url("https://user:pw@shop.example:8443/a/b?c=1");
    EXPECT_EQ(url.host, "shop.example");
    EXPECT_EQ(url.port, 8443U);
    EXPECT_EQ(url.path, "/a/b?c=1");
    EXPECT_TRUE(url.credentials);
    EXPECT_TRUE(url.secure());
    EXPECT_EQ(parse_url("http://[::1]:80/x").host, "::1");
    EXPECT_EQ(parse_url("http://[::1").host, "::1");
    EXPECT_EQ(parse_url("a.example:99999999999").port, 0U);
    EXPECT_EQ(parse_url("").host, "");
}

TEST(Drafts, names_become_labels_that_nothing_else_has) {
    EXPECT_EQ(label_of("Orders API"), "orders-api");
    EXPECT_EQ(label_of("--"), "service");
    EXPECT_EQ(label_of("10.0.0.1"), "service-10-0-0-1");
    EXPECT_EQ(label_of(std::string(200, 'x')).size(), 63U);
    Draft draft{"x"};
    EXPECT_EQ(draft.add_service("a", map_node()), "a");
    EXPECT_EQ(draft.add_service("A", map_node()), "a-2");
    EXPECT_EQ(draft.add_service("a-2", map_node()), "a-2-2");
    EXPECT_EQ(draft.add_service("a", map_node()), "a-3");
    EXPECT_EQ(draft.add_service("policies", map_node()), "policies-2");
}

TEST(Secrets, are_known_by_their_names) {
    for (const char* const name : {"Authorization", "X-API-Key", "apikey", "Cookie", "client_secret", "X-Auth-Token"})
        EXPECT_TRUE(names_a_secret(name)) << name;
    for (const char* const name : {"X-Env", "User-Agent", "page", "keyboard"})
        EXPECT_FALSE(names_a_secret(name)) << name;
}

TEST(Settling, what_a_service_has_closed_no_route_opens) {
    Report report{"kong.yml"};
    const std::string text = kong(
        "_format_version: \"3.0\"\nservices:\n- name: a\n  url: http://a.example\n"
        "  plugins: [{ name: ip-restriction, config: { allow: [nonsense] } }]\n"
        "  routes:\n  - { name: a, paths: [/a], plugins: [{ name: acl, config: { allow: [staff] } }] }\n",
        report);
    const LoadedManifest loaded = read_manifest(text, "trunkline.yaml");
    ASSERT_TRUE(loaded.good()) << text << loaded.diagnostics.to_text();
    EXPECT_FALSE(text.contains("staff")) << text;
    EXPECT_TRUE(report.to_text().contains("closed: the policy \"ip\"")) << report.to_text();
}

TEST(Settling, a_service_that_cannot_be_goes_with_its_routes) {
    Report report{"kong.yml"};
    const std::string text = kong(
        "_format_version: \"3.0\"\nservices:\n- { name: bad, url: \"http://a b:1\", routes: [{ paths: [/a] }] }\n"
        "- { name: good, url: \"http://b.example\", routes: [{ paths: [/b] }] }\n",
        report);
    EXPECT_TRUE(read_manifest(text, "trunkline.yaml").good()) << text;
    EXPECT_FALSE(text.contains("bad")) << text;
    EXPECT_TRUE(text.contains("/b/*")) << text;
    EXPECT_TRUE(report.to_text().contains("the service \"bad\"")) << report.to_text();
}

TEST(KongFiles, a_plugin_that_nobody_knows_closes_its_route) {
    Report report{"kong.yml"};
    const std::string text = kong(kOneService + ", plugins: [{ name: guard, config: { token: s3cr3t } }] }\n", report);
    EXPECT_TRUE(text.contains(Draft::kClosed)) << text;
    EXPECT_FALSE((text + report.to_text()).contains("s3cr3t"));
}

TEST(KongFiles, nothing_is_dropped_in_silence) {
    Report report{"kong.yml"};
    EXPECT_FALSE(kong(kOneService + ", unheard_of: 1 }\n", report).empty());
    EXPECT_TRUE(report.to_text().contains("kong.yml:6:30: not translated: \"unheard_of\" of route \"a\""))
        << report.to_text();
}

TEST(KongFiles, more_plugins_than_a_place_may_have_are_refused) {
    std::string plugins;
    for (int i = 0; i < 200; ++i) plugins += "- { name: prometheus }\n";
    const manifest::Document document =
        manifest::parse_document("_format_version: \"3.0\"\nplugins:\n" + plugins, "kong.yml");
    Draft draft{"kong"};
    Report report{"kong.yml"};
    const auto wrong = import_kong(document.root, draft, report);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->at.line, 103U);
}

TEST(KrakendFiles, of_version_2_are_refused_with_what_has_changed) {
    const manifest::Document document =
        manifest::parse_document("{ \"version\": 2, \"endpoints\": [] }", "krakend.json");
    Draft draft{"krakend"};
    Report report{"krakend.json"};
    const auto wrong = import_krakend(document.root, draft, report);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->at.column, 14U);
    EXPECT_TRUE(wrong->hint.contains("whitelist")) << wrong->hint;
}

}  // namespace tl::app
