#include "console/views.h"

#include <gtest/gtest.h>

namespace tl::console {
namespace {

using namespace std::chrono_literals;

// Every field set to something else than its default, so that one left out of the JSON is noticed.
StatusView full_status() {
    const base::WallTime time{std::chrono::milliseconds{1700000000123}};
    const Traffic traffic{12.5, 0.25, 1500us, 20ms, 99, 7, 10.5, 20.5};
    InstanceView instance{"orders-1",    "orders", "127.0.0.1", 9001, 77, "healthy",      "probe",         time, 2,
                          "exit code 1", "v2",     1234567,     0.5,  3,  "answered 200", "ejected for 9s"};
    ServiceView service{"orders",
                        "ordering",
                        "v2",
                        "tcp",
                        "degraded",
                        "one is down",
                        "all are unhealthy",
                        "half open",
                        "joined: 1 connection, 0 by TCP",
                        2,
                        1,
                        {"payments", "users"},
                        {instance},
                        traffic};
    return {"shop",
            "0.1.0",
            42,
            time,
            192s,
            "/s",
            "/m.yaml",
            3,
            2,
            {"http://a", "http://b"},
            {{"gateway", "/c.pem", "shop", "we", {"shop.example"}, "EC P-256", time, time, "its time is over"}},
            "not joined: no rights",
            "http://c",
            99,
            "guard",
            2,
            "from 0.1.0",
            "it crashed",
            "by hand",
            {service},
            {"careful"}};
}

TEST(Views, StatusReadsBackAsItWasWritten) {
    const Json written = to_json(full_status());
    EXPECT_EQ(to_json(read_view<StatusView>(Json::parse(written.dump()))), written);
    for (const auto& [key, value] : written.items()) EXPECT_NE(value, to_json(StatusView{})[key]) << key;
    const Json service = written["services"][0];
    for (const auto& [key, value] : service.items()) EXPECT_NE(value, to_json(ServiceView{})[key]) << key;
    const Json instance = service["instances"][0];
    for (const auto& [key, value] : instance.items()) EXPECT_NE(value, to_json(InstanceView{})[key]) << key;
}

TEST(Views, RoutesPlansAndLinesReadBackAsTheyWereWritten) {
    const RouteView route{"r",  "h", "/p", "tcp://a", {"GET"}, {"header a is 1"},    "orders", {"split v1 90, v2 10"},
                          "/x", 2s,  1,    7,         "s",     {1, 0.1, 1ms, 2ms, 3}};
    EXPECT_EQ(to_json(read_view<RouteView>(to_json(route))), to_json(route));
    const PlanView plan{{{"service", "orders", "scale", "1 -> 2"}}, {"w"}, {"s"}};
    EXPECT_EQ(to_json(read_view<PlanView>(to_json(plan))), to_json(plan));
    const LogLine line{base::WallTime{std::chrono::milliseconds{1700000000123}}, "orders", "orders-1", "stderr", "x"};
    EXPECT_EQ(to_json(read_view<LogLine>(to_json(line))), to_json(line));
    EXPECT_EQ(to_json(line)["time"], "2023-11-14T22:13:20.123Z");
    const ProgressLine progress{"done", true, true};
    EXPECT_EQ(to_json(read_view<ProgressLine>(to_json(progress))), to_json(progress));
}

TEST(Views, KeysOfAnotherTypeOrMissingLeaveTheDefault) {
    const auto view = read_view<StatusView>(Json::parse(
        R"({"system": 7, "pid": "x", "uptime_ms": -5, "started": "yesterday", "services": [3, {"name": "a"}], "gateway": 1})"));
    EXPECT_EQ(view.system, "");
    EXPECT_EQ(view.pid, 0);
    EXPECT_EQ(view.uptime, base::Duration{});
    EXPECT_EQ(view.started, base::WallTime{});
    ASSERT_EQ(view.services.size(), 2U);
    EXPECT_EQ(view.services[1].name, "a");
    EXPECT_EQ(read_view<LogLine>(Json(nullptr)).text, "");
    EXPECT_EQ(read_view<Traffic>(Json{{"p50_ms", 1e300}}).p50, std::chrono::milliseconds{1000000000000});
}

}  // namespace
}  // namespace tl::console
