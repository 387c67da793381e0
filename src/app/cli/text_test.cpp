// Tables, words and what the commands print of the views.
#include <gtest/gtest.h>

#include "app/cli/show.h"
#include "app/cli/table.h"
#include "app/cli/words.h"

namespace tl::app {
namespace {

using namespace std::chrono_literals;

TEST(Table, AlignsColumnsAndLeavesEmptyOnesOut) {
    Table table{{{"NAME"}, {"NONE"}, {"COUNT", true}}};
    table.add({{"a"}, {""}, {"7"}});
    table.add({{"longer"}, {""}, {"1234567"}});
    EXPECT_EQ(table.print(false, 1),
              " NAME      COUNT\n"
              " a             7\n"
              " longer  1234567\n");
}

TEST(Table, ColoursDoNotMoveColumns) {
    Table plain{{{"A"}, {"B"}}};
    plain.add({{"x", Tone::good}, {"y", Tone::bad}});
    plain.add({{"xxxx"}, {"y"}});
    const std::string coloured = plain.print(true);
    EXPECT_NE(coloured.find("\x1b[32mx\x1b[0m   "), std::string::npos);
    EXPECT_EQ(plain.print(false).find('\x1b'), std::string::npos);
}

TEST(Table, CountsCharactersNotBytes) {
    Table table{{{"A"}, {"B"}}};
    table.add({{"\xc3\xa9\xc3\xa9"}, {"1"}});
    table.add({{"ab"}, {"2"}});
    EXPECT_EQ(table.print(false), "A   B\n\xc3\xa9\xc3\xa9  1\nab  2\n");
}

TEST(Terminal, CutsLinesAtTheWidthThatIsSeen) {
    EXPECT_EQ(cut_line("abcdef", 4), "abcd");
    EXPECT_EQ(cut_line("abcd", 4), "abcd");
    EXPECT_EQ(cut_line("\x1b[31mabcdef\x1b[0m", 4), "\x1b[31mabcd\x1b[0m");
    EXPECT_EQ(cut_line("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9");
}

TEST(Terminal, NothingFromOutsideIsObeyed) {
    EXPECT_EQ(harmless("\x1b[31mred\x1b[0m\tx"), "red x");
    EXPECT_EQ(harmless("a\x1b]0;title\x07"), "a\\x1b]0;title\\x07");
    EXPECT_EQ(harmless("\x1b["), "");
    EXPECT_EQ(harmless("a\r\nb"), "a\\x0d\\x0ab");
    EXPECT_EQ(harmless_lines("a\n\x1b[31mb\x1b[0m\r\n"), "a\nb\\x0d\n");
}

TEST(Words, AreShort) {
    EXPECT_EQ(words_of_bytes(0), "");
    EXPECT_EQ(words_of_bytes(512), "512 B");
    EXPECT_EQ(words_of_bytes(36ULL << 20), "36.0 MB");
    EXPECT_EQ(words_of_latency(850us), "850 us");
    EXPECT_EQ(words_of_latency(1234us), "1.2 ms");
    EXPECT_EQ(words_of_latency(56ms), "56 ms");
    EXPECT_EQ(words_of_latency(3400ms), "3.4 s");
    EXPECT_EQ(words_of_latency(1ns), "1 us");
    EXPECT_EQ(words_of_latency(0ns), "");
    EXPECT_EQ(words_of_age(42s), "42s");
    EXPECT_EQ(words_of_age(192s), "3m12s");
    EXPECT_EQ(words_of_age(26h), "1d02h");
    EXPECT_EQ(words_of_age(-5s), "0s");
    EXPECT_EQ(words_of_share(0), "0 %");
    EXPECT_EQ(words_of_share(0.0001), "<0.1 %");
    EXPECT_EQ(words_of_share(0.25), "25 %");
    EXPECT_EQ(words_of_rate(12.34), "12.3");
    EXPECT_EQ(words_of_rate(1204.4), "1204");
    EXPECT_EQ(count_of(1, "service"), "1 service");
}

console::StatusView small_status() {
    console::StatusView status{.system = "shop", .pid = 7, .uptime = 192s, .manifest = "/m.yaml", .revision = 2};
    status.rss = 30ULL << 20;
    console::ServiceView service{.name = "orders", .state = "degraded", .reason = "orders-2 is down"};
    service.replicas_wanted = 2;
    service.replicas_healthy = 1;
    service.traffic = {12.5, 0.02, 1200us, 20ms, 99};
    service.instances = {{.id = "orders-1", .restarts = 1}, {.id = "orders-2", .restarts = 2}};
    status.services = {service};
    status.warnings = {"users calls itself"};
    return status;
}

TEST(Show, StatusSaysWhatIsWrongAndWhy) {
    EXPECT_EQ(show_status(small_status(), {}, false),
              "shop  0 of 1 service healthy  up 3m12s  process 7  30.0 MB  revision 2\n"
              "manifest  /m.yaml\n"
              "\n"
              "SERVICE  STATE     REPLICAS  REQ/S  ERRORS     P50    P99  RESTARTS  REMARK\n"
              "orders   degraded       1/2   12.5   2.0 %  1.2 ms  20 ms         3  orders-2 is down\n"
              "\n"
              "warning: users calls itself\n");
}

TEST(Show, APanicIsTheFirstThingToKnow) {
    console::StatusView status = small_status();
    status.services[0].panic = "all 2 are unhealthy";
    EXPECT_NE(show_status(status, {}, false).find("panic: all 2 are unhealthy"), std::string::npos);
}

TEST(Show, ServicesListTheirInstances) {
    const base::WallTime now{std::chrono::seconds{1000}};
    console::ServiceView service{.name = "users", .context = "people", .state = "healthy"};
    service.replicas_wanted = service.replicas_healthy = 2;
    service.calls = {"mail"};
    console::InstanceView ours{.id = "users-1", .address = "127.0.0.1", .port = 9001, .pid = 77, .state = "healthy"};
    ours.since = now - 65s;
    console::InstanceView theirs{.id = "users-2", .address = "10.0.0.1", .port = 80, .state = "unhealthy"};
    theirs.reason = "probe answered 503";
    service.instances = {ours, theirs};
    EXPECT_EQ(show_services({service}, now, false),
              "users  context people  healthy  2/2 healthy\n"
              "  calls mail\n"
              "  INSTANCE  STATE        FOR  ADDRESS              PID  IN FLIGHT  REMARK\n"
              "  users-1   healthy    1m05s  127.0.0.1:9001        77          0\n"
              "  users-2   unhealthy         10.0.0.1:80     external          0  probe answered 503\n");
    EXPECT_EQ(show_services({}, now, false), "The manifest has no services.\n");
}

TEST(Show, RoutesSayWhatTheyTakeAndWhatTheyMiss) {
    console::RouteView route{.name = "debug", .path = "/api/*", .methods = {"GET", "HEAD"}, .to = "users"};
    route.conditions = {"header x-debug is 1"};
    route.rewrite = "/v2/*";
    route.timeout = 2s;
    route.shadowed_by = "all";
    EXPECT_EQ(show_routes({route}, false),
              "ROUTE  PATH    IF                             TO              TIMEOUT  REMARK\n"
              "debug  /api/*  GET|HEAD, header x-debug is 1  users as /v2/*       2s  gets nothing: all takes all its "
              "requests\n");
}

TEST(Show, PlansCountWhatStays) {
    const console::PlanView plan{{{"service", "mail", "add", "new"}, {"route", "a", "keep", ""}}, {"w"}, {"s"}};
    EXPECT_EQ(show_plan(plan, false, false),
              "   ACTION  WHAT     NAME  WHY\n"
              "+  add     service  mail  new\n"
              "1 thing stays as it is\n"
              "shadow: s\n"
              "warning: w\n");
    EXPECT_EQ(show_plan({}, false, false), "Nothing would change.\n");
    EXPECT_EQ(show_plan({}, true, false), "Nothing changed.\n");
}

TEST(Show, LogLinesNameTheInstanceAndAreHarmless) {
    console::LogLine line{{}, "users", "users-1", "stderr", "\x1b[2Jgone\x07"};
    const std::string text = show_log_line(line, 10, false);
    EXPECT_EQ(text.substr(12), " users-1    ! gone\\x07\n");
    line.stream = "stdout";
    line.instance = "";
    EXPECT_EQ(show_log_line(line, 0, false).substr(12), " users | gone\\x07\n");
}

}  // namespace
}  // namespace tl::app
