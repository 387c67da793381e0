// Mistakes about versions, zones, mirrors and faults, each with what is said about it and where.
#include "app/traffic_checks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tl::app {

TEST(TrafficChecks, name_each_mistake_at_its_place) {
    struct Case {
        std::string route;     // keys of the route to orders
        std::string orders;    // keys of the service
        std::string services;  // lines beside it
        std::string said;      // "" for a good manifest
    };
    const std::string v2 = "    next: { run: x, version: v2, version_of: orders }\n";
    const std::string other = "    other: { run: x }\n";
    const Case cases[] = {
        {"", "split: { v1: 90, v2: 10 }", v2, ""},
        {"", "split: { v1: 90, v3: 10 }", v2, "t.yaml:6:53: error: this split names \"v3\", which is no version"},
        {"", "split: { v1: 90, v2: 20 }", v2, "add up to 110, not to 100"},
        {"", "split: { v1: 50, v2: 50 }, split_by: header x-user", v2, ""},
        {"", "split: { v1: 50, v2: 50 }, split_by: header", v2, "must name it, such as header x-user"},
        {"", "split: { v1: 50, v2: 50 }, split_by: body", v2, "must be client, path, header NAME or cookie NAME"},
        {"", "split_by: client", "", "there is no \"split\""},
        {", version: v2", "", v2, ""},
        {", version: v3", "", v2, "this route names \"v3\", which is no version of \"orders\""},
        {", version: v2, split: { v1: 50, v2: 50 }", "", v2, "a \"version\" or a \"split\", not both"},
        {"", "match: [{ headers: { x-canary: 1 }, version: v2 }]", v2, ""},
        {"", "match: [{ headers: { x-canary: 1 }, version: vv2 }]", v2, "did you mean \"v2\"?"},
        {"", "match: [{ headers: {}, version: v2 }]", v2, "headers"},
        {"", "mirror: other", other, ""},
        {"", "mirror: othre", other, "did you mean \"other\"?"},
        {"", "mirror: orders", "", "mirrored to itself"},
        {"", "mirror: { to: orders, version: v2 }", v2, ""},
        {"", "mirror: { to: orders, version: v4 }", v2, "which is no version of \"orders\""},
        {"", "mirror: next", v2, "which is a version of \"orders\""},
        {"", "", v2 + "    caller: { run: x, calls: [next] }\n", "name \"orders\""},
        {"", "", "    next: { run: x, version_of: orders, version: v1 }\n", "have the same version \"v1\""},
        {"", "", "    next: { run: x, version_of: nobody }\n", "no service"},
        {"", "", "    next: { run: x, version_of: next, version: v2 }\n", "a version of itself"},
        {"", "", v2 + "    more: { run: x, version_of: next, version: v3 }\n", "write version_of: orders"},
        {"", "", "    next: { run: x, version: v2, version_of: orders, timeout: 1s, health: /h }\n",
         "so timeout, health has no effect here"},
        {"", "", "    next: { address: \"127.0.0.1:1\", version: v2, version_of: orders }\n", "but no \"run\""},
        {"", "fault: { headers: { x: y } }", "", "a \"delay\" or an \"abort\""},
        {"", "fault: { abort: { share: 10% } }", "", ""},
        {"", "fault: { delay: { time: 1s } }", "", "share"},
        {"", "balance: { policy: maglev, key: cookie user }", "", ""},
        {"", "balance: { key: client }", "", "\"key\" is for the policies ring_hash and maglev"},
        {"", "balance: { policy: maglev, slow_start: 10s }", "", "\"slow_start\" does not go with"},
        {"", "balance: fastest", "", "least_request"},
        {"", "", "    far: { address: [\"127.0.0.1:1\", { at: \"127.0.0.1:1\", zone: b }] }\n", "is listed twice"},
    };
    for (const Case& one : cases) {
        const LoadedManifest loaded = read_manifest(
            fmt::format("system: test\ngateway:\n  routes: [{{ path: /*, to: orders{} }}]\ncontexts:\n  all:\n"
                        "    orders: {{ run: x, version: v1, {} }}\n{}",
                        one.route, one.orders, one.services),
            "/tmp/t.yaml");
        const std::string text = loaded.diagnostics.to_text();
        EXPECT_EQ(loaded.good(), one.said.empty()) << one.route << one.orders << one.services << text;
        EXPECT_NE(text.find(one.said), std::string::npos) << "wanted: " << one.said << "\n" << text;
    }
}

TEST(TrafficChecks, warn_of_faults_in_production) {
    const LoadedManifest loaded = read_manifest(
        "system: test\nmode: production\ncontexts:\n  all:\n    a: { run: x, fault: { abort: { share: 1% } } }\n",
        "/tmp/t.yaml");
    EXPECT_TRUE(loaded.good());
    EXPECT_NE(loaded.diagnostics.to_text().find("on purpose, in mode: production"), std::string::npos);
}

}  // namespace tl::app
