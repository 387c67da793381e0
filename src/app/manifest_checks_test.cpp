// Mistakes that only the whole manifest shows, each with what is said about it.
#include "app/manifest_checks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tl::app {

TEST(ManifestChecks, name_each_mistake_across_rooms_at_its_line) {
    struct Case {
        const char* gateway;   // lines below `gateway:`
        const char* services;  // lines below the context
        const char* said;      // "" for a good manifest
    };
    const char* const users = "    users: { address: \"127.0.0.1:9000\" }\n";
    const Case cases[] = {
        {"", users, ""},
        {"  routes: [{ path: /*, to: usres }]\n", users, "users"},
        {"  routes: [{ path: /a, to: users }, { path: /a, to: users }]\n", users, "neither is more specific"},
        {"", "    users: {}\n", "neither \"run\" nor \"address\""},
        {"", "    users: { run: \"x\", address: \"127.0.0.1:9000\" }\n", "both \"run\" and \"address\""},
        {"", "    users: { address: \"127.0.0.1:9000\", replicas: 2 }\n", "replicas"},
        {"", "    users: { run: \"x\", calls: [users] }\n", "calls itself"},
        {"", "    users: { run: \"x\", calls: [nobody] }\n", "nobody"},
        {"", "    users: { run: \"x\", env_files: [not-there] }\n", "there is no env file not-there"},
        {"  listen: [8080, 8080]\n", users, "127.0.0.1:8080 is listened on already in line 3"},
        {"  listen: [\"0.0.0.0:8080\", 8080]\n", users,
         "127.0.0.1:8080 is listened on already in line 3 by 0.0.0.0:8080"},
        {"  listen: [\"unix:/tmp/x\"]\n", users, "must be a port"},
    };
    for (const Case& one : cases) {
        const std::string listen = std::string_view{one.gateway}.find("listen") == std::string_view::npos
                                       ? std::string{"  listen: 8080\n"} + one.gateway
                                       : std::string{one.gateway};
        const LoadedManifest loaded =
            read_manifest("system: test\ngateway:\n" + listen + "contexts:\n  all:\n" + one.services, "/tmp/t.yaml");
        const std::string text = loaded.diagnostics.to_text();
        EXPECT_EQ(loaded.good(), std::string_view{one.said}.empty()) << one.gateway << one.services << text;
        EXPECT_NE(text.find(one.said), std::string::npos) << text;
    }
}

}  // namespace tl::app
