#include "app/plane_builder.h"

#include <gtest/gtest.h>

namespace tl::app {

TEST(PlaneBuilder, gives_each_workload_a_door_for_each_callee_and_one_for_any) {
    const LoadedManifest loaded = read_manifest(
        "system: test\ngateway:\n  listen: [8080, 8081]\n  routes: [{ path: /*, to: orders }]\ncontexts:\n  all:\n"
        "    orders: { run: \"x\", calls: [users, mail] }\n    users: { run: \"x\" }\n"
        "    mail: { address: \"127.0.0.1:9000\" }\n",
        "/tmp/t.yaml");
    ASSERT_TRUE(loaded.good()) << loaded.diagnostics.to_text();
    telemetry::NameTable names;
    telemetry::SeriesTable series;
    const PlanePlan plan = build_plane(loaded, names, series);
    std::map<std::string, uint16_t> doors;
    for (const WantedDoor& door : plan.doors) doors[door.key] = door.address.port();
    const std::map<std::string, uint16_t> wanted = {
        {"gateway 127.0.0.1:8080", 8080},        {"gateway 127.0.0.1:8081", 8081},
        {callee_door_key("orders", "users"), 0}, {callee_door_key("orders", "mail"), 0},
        {proxy_door_key("orders"), 0},           {proxy_door_key("users"), 0}};
    EXPECT_EQ(doors, wanted);
    EXPECT_EQ(plan.snapshot->upstreams.size(), 3U);
    for (const auto& [key, door] : plan.snapshot->doors) EXPECT_TRUE(wanted.contains(key)) << key;
    // The same again gives no new numbers: a reload must not fill the tables.
    const auto known = names.size();
    const auto counted = series.series();
    (void)build_plane(loaded, names, series);
    EXPECT_EQ(names.size(), known);
    EXPECT_EQ(series.series(), counted);
}

}  // namespace tl::app
