#include "mesh/doors.h"

#include <gtest/gtest.h>

namespace tl::mesh {

TEST(ProxyDoor, leads_to_what_may_be_called_and_says_what_to_write_for_the_rest) {
    telemetry::NameTable names;
    telemetry::SeriesTable series;
    const Workload orders{"orders", {"users", "db"}, "", "trunkline.yaml:12"};
    const MeshContext context{.names = &names,
                              .series = &series,
                              .services = {"orders", "users", "payments", "db"},
                              .traffic = [](const std::string&) { return proxy::TrafficRule{}; },
                              .shaping = [](const std::string&) -> const proxy::ShapingConfig& {
                                  static const proxy::ShapingConfig kNothing;
                                  return kNothing;
                              },
                              .tcp = {"db"}};
    const proxy::DoorPtr door = make_proxy_door(orders, context);
    EXPECT_EQ(door->caller, names.intern("orders"));
    struct Case {
        const char* host;
        const char* service;  // "" where refused
        const char* said;
    };
    const Case cases[] = {{"users", "users", ""},
                          {"users:80", "users", ""},
                          {"payments", "", "trunkline.yaml:12 should read calls: [users, db, payments]"},
                          {"db", "", "speaks TCP, not HTTP"},
                          {"orders", "", "may not call \"orders\""},
                          {"elsewhere.example", "", "knows only the services of this system"}};
    for (const Case& one : cases) {
        codec::RequestHead head;
        const std::string text = std::string{"GET /x HTTP/1.1\r\nHost: "} + one.host + "\r\n\r\n";
        uint32_t scanned = 0;
        ASSERT_EQ(head.parse(text, {}, scanned).state, codec::ParseState::complete);
        const proxy::RouteMatch match = door->routes.find(head, "/x");
        ASSERT_NE(match.route, nullptr) << one.host;
        const std::string said = match.route->denial ? match.route->denial->detail : "";
        EXPECT_EQ(match.route->denial.has_value(), std::string_view{one.service}.empty()) << one.host;
        if (!match.route->denial) EXPECT_EQ(match.route->service, one.service);
        EXPECT_NE(said.find(one.said), std::string::npos) << said;
    }
}

TEST(TcpDoor, leads_to_its_callee_or_refuses_and_says_what_to_write) {
    telemetry::NameTable names;
    telemetry::SeriesTable series;
    const MeshContext context{.names = &names,
                              .series = &series,
                              .services = {"orders", "db", "cache"},
                              .traffic = [](const std::string&) { return proxy::TrafficRule{}; },
                              .shaping = [](const std::string&) -> const proxy::ShapingConfig& {
                                  static const proxy::ShapingConfig kNothing;
                                  return kNothing;
                              },
                              .tcp = {"db", "cache"}};
    const Workload orders{"orders", {"db"}, "", "trunkline.yaml:12"};
    const proxy::DoorPtr allowed = make_tcp_door(orders, "db", context);
    ASSERT_TRUE(allowed->tcp.has_value());
    EXPECT_EQ(allowed->tcp->service, "db");
    EXPECT_FALSE(allowed->tcp->denial.has_value());
    EXPECT_EQ(series.key(allowed->tcp->series).counts, telemetry::SeriesTable::Counts::connections);
    const proxy::DoorPtr refused = make_tcp_door(orders, "cache", context);
    ASSERT_TRUE(refused->tcp->denial.has_value());
    EXPECT_NE(refused->tcp->denial->detail.find("trunkline.yaml:12 should read calls: [db, cache]"), std::string::npos);
}

}  // namespace tl::mesh
