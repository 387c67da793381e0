#include "mesh/doors.h"

#include <gtest/gtest.h>

namespace tl::mesh {

TEST(ProxyDoor, leads_to_what_may_be_called_and_says_what_to_write_for_the_rest) {
    telemetry::NameTable names;
    telemetry::SeriesTable series;
    const Workload orders{"orders", {"users"}, "", "trunkline.yaml:12"};
    const MeshContext context{.names = &names,
                              .series = &series,
                              .services = {"orders", "users", "payments"},
                              .traffic = [](const std::string&) { return proxy::TrafficRule{}; },
                              .shaping = [](const std::string&) -> const proxy::ShapingConfig& {
                                  static const proxy::ShapingConfig kNothing;
                                  return kNothing;
                              }};
    const proxy::DoorPtr door = make_proxy_door(orders, context);
    EXPECT_EQ(door->caller, names.intern("orders"));
    struct Case {
        const char* host;
        const char* service;  // "" where refused
        const char* said;
    };
    const Case cases[] = {{"users", "users", ""},
                          {"users:80", "users", ""},
                          {"payments", "", "trunkline.yaml:12 should read calls: [users, payments]"},
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

}  // namespace tl::mesh
