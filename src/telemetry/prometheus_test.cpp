// The page is read back by a strict reader of the text format: what it takes, Prometheus takes.
#include "telemetry/prometheus.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "telemetry/escape.h"
#include "telemetry/test_support.h"

namespace tl::telemetry {

using namespace std::chrono_literals;

namespace {

using Labels = std::map<std::string, std::string>;

// Throws on the first thing that the format does not allow.
class StrictReader {
  public:
    explicit StrictReader(std::string_view page) : left_(page) {
        require(page.empty() || page.back() == '\n', "the page does not end with a line's end");
        while (!left_.empty()) line();
        for (const auto& [name, type] : types_) {
            if (type == "histogram") check_histogram(name);
        }
    }
    [[nodiscard]] double value(const std::string& name, const Labels& labels = {}) const {
        return samples_.at({name, labels});
    }
    [[nodiscard]] bool has(const std::string& name, const Labels& labels = {}) const {
        return samples_.contains({name, labels});
    }
    [[nodiscard]] size_t count(const std::string& name) const {
        size_t found = 0;
        for (const auto& [key, value] : samples_) found += key.first == name ? 1 : 0;
        return found;
    }

  private:
    static void require(bool holds, const std::string& what) {
        if (!holds) throw std::runtime_error(what);
    }
    void eat(std::string_view text) {
        require(left_.starts_with(text), "expected '" + std::string{text} + "' at " + std::string{left_.substr(0, 40)});
        left_.remove_prefix(text.size());
    }
    std::string until(char end) {
        const size_t at = left_.find(end);
        require(at != std::string_view::npos, "a line is cut");
        std::string out{left_.substr(0, at)};
        left_.remove_prefix(at + 1);
        return out;
    }
    std::string name(bool colon) {
        size_t size = 0;
        while (size < left_.size()) {
            const char c = left_[size];
            const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
                            (size > 0 && c >= '0' && c <= '9');
            if (!ok) break;
            ++size;
        }
        require(size > 0, "a name is missing at " + std::string{left_.substr(0, 40)});
        std::string out{left_.substr(0, size)};
        left_.remove_prefix(size);
        return out;
    }
    std::string label_value() {
        eat("\"");
        std::string out;
        for (;;) {
            require(!left_.empty() && left_[0] != '\n', "a label is cut");
            if (left_[0] == '"') break;
            if (left_[0] == '\\') {
                require(left_.size() > 1 && std::string_view{"\\\"n"}.contains(left_[1]), "a bad escape");
                out += left_[1] == 'n' ? '\n' : left_[1];
                left_.remove_prefix(2);
                continue;
            }
            const size_t size = utf8_sequence(left_);
            require(size > 0, "not UTF-8");
            out += left_.substr(0, size);
            left_.remove_prefix(size);
        }
        eat("\"");
        return out;
    }
    void line() {
        if (!left_.starts_with('#')) return sample();
        if (left_.starts_with("# HELP ")) {
            eat("# HELP ");
            family_ = name(true);
            eat(" ");
            require(!until('\n').empty(), "no help");
            require(helps_.insert(family_).second, "a second HELP of " + family_);
            return;
        }
        eat("# TYPE ");
        require(name(true) == family_, "TYPE is not of the family before it");
        eat(" ");
        const std::string type = until('\n');
        require(type == "counter" || type == "gauge" || type == "histogram", "type " + type);
        require(type != "counter" || family_.ends_with("_total"), "a counter without _total: " + family_);
        require(types_.emplace(family_, type).second, "a second TYPE of " + family_);
    }
    void sample() {
        const std::string full = name(true);
        require(types_.contains(family_), "a sample before its type");
        if (types_.at(family_) == "histogram") {
            require(full == family_ + "_bucket" || full == family_ + "_sum" || full == family_ + "_count", full);
        } else {
            require(full == family_, "a sample of another family: " + full);
        }
        Labels labels;
        if (left_.starts_with('{')) {
            eat("{");
            for (bool first = true; !left_.starts_with('}'); first = false) {
                if (!first) eat(",");
                const std::string label = name(false);
                eat("=");
                require(labels.emplace(label, label_value()).second, "a label comes twice");
            }
            eat("}");
        }
        eat(" ");
        require(samples_.emplace(std::pair{full, labels}, number(until('\n'))).second, "a sample comes twice");
    }
    static double number(const std::string& text) {
        if (text == "+Inf") return HUGE_VAL;
        if (text == "NaN") return NAN;
        double out = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
        require(error == std::errc{} && end == text.data() + text.size(), "not a number: " + text);
        return out;
    }
    void check_histogram(const std::string& family) {
        std::map<Labels, std::map<double, double>> buckets;
        for (const auto& [key, value] : samples_) {
            if (key.first != family + "_bucket") continue;
            Labels labels = key.second;
            const double bound = number(labels.at("le"));
            labels.erase("le");
            buckets[labels][bound] = value;
        }
        for (const auto& [labels, values] : buckets) {
            double before = 0;
            for (const auto& [bound, count] : values) {
                require(count >= before, "buckets are not cumulative");
                before = count;
            }
            require(values.contains(HUGE_VAL), "no +Inf bucket");
            require(value(family + "_count", labels) == before, "_count is not the last bucket");
            require(has(family + "_sum", labels), "no _sum");
        }
    }

    std::string_view left_;
    std::string family_;
    std::set<std::string> helps_;
    std::map<std::string, std::string> types_;
    std::map<std::pair<std::string, Labels>, double> samples_;
};

struct System {
    SeriesTable table;
    CoreMetrics core;
    MetricsData data;

    std::string page(std::vector<Sample> samples = {}, size_t cap = 1000) {
        data = core.copy();
        return write_prometheus({.table = &table,
                                 .data = &data,
                                 .cause = test::cause_word,
                                 .samples = std::move(samples),
                                 .family_cap = cap});
    }
    void count(std::string_view route, uint16_t status, base::Duration took) {
        const SeriesId id = table.add(Door::gateway, route, "orders");
        core.reserve(table.series(), table.pools());
        core.count(id, status, took, 5, 7);
    }
};

}  // namespace

TEST(Prometheus, an_empty_page_is_valid) {
    EXPECT_EQ(write_prometheus({}), "");
    System system;
    EXPECT_NO_THROW(StrictReader{system.page()});
}

TEST(Prometheus, requests_durations_and_causes_are_read_back) {
    System system;
    system.count("/api", 200, 2ms);
    system.count("/api", 200, 2500us);
    system.count("/api", 404, 2min);
    system.core.count_cause(1);
    system.core.count_cause(20);
    const std::string text = system.page();
    const StrictReader page(text);
    Labels labels = {{"door", "gateway"}, {"route", "/api"}, {"service", "orders"}};
    EXPECT_EQ(page.value("trunkline_request_duration_seconds_count", labels), 3);
    EXPECT_DOUBLE_EQ(page.value("trunkline_request_duration_seconds_sum", labels), 120.0045);
    EXPECT_EQ(page.value("trunkline_response_body_bytes_total", labels), 21);
    labels["code"] = "2xx";
    EXPECT_EQ(page.value("trunkline_requests_total", labels), 2);
    labels.erase("code");
    labels["le"] = "0.001";
    EXPECT_EQ(page.value("trunkline_request_duration_seconds_bucket", labels), 0);
    labels["le"] = "0.0025";
    EXPECT_EQ(page.value("trunkline_request_duration_seconds_bucket", labels), 2);
    labels["le"] = "60";
    EXPECT_EQ(page.value("trunkline_request_duration_seconds_bucket", labels), 2);
    EXPECT_EQ(page.value("trunkline_errors_total", {{"cause", "no_route"}}), 1);
    EXPECT_EQ(page.value("trunkline_errors_total", {{"cause", "none"}}), 1);
}

TEST(Prometheus, names_from_outside_cannot_break_the_page) {
    System system;
    const std::string evil = "a\"} 1\nfake 2\\\xff\xc3\xa4";
    system.count(evil, 200, 1ms);
    const std::string text = system.page({{.name = "trunkline evil\n{}",
                                           .help = "two\nlines \\",
                                           .labels = {{"bad name", evil}, {"bad-name", "x"}, {"9", "y"}},
                                           .value = 1.5}});
    const StrictReader page(text);
    const std::string clean = "a\"} 1\nfake 2\\\xef\xbf\xbd\xc3\xa4";
    EXPECT_EQ(page.value("trunkline_requests_total",
                         {{"door", "gateway"}, {"route", clean}, {"service", "orders"}, {"code", "2xx"}}),
              1);
    EXPECT_EQ(page.value("trunkline_evil___", {{"bad_name", clean}, {"_9", "y"}}), 1.5);
}

TEST(Prometheus, pools_and_doors_are_shown) {
    System system;
    const PoolId id = system.table.add_pool("orders");
    system.core.reserve(system.table.series(), system.table.pools());
    system.core.pool(id) = {.opened = 3, .reused = 40, .closed = 1, .open = 2, .idle = 1};
    system.core.door(Door::gateway).in_flight = 6;
    const std::string text = system.page();
    const StrictReader page(text);
    EXPECT_EQ(page.value("trunkline_upstream_connections_reused_total", {{"service", "orders"}}), 40);
    EXPECT_EQ(page.value("trunkline_upstream_connections", {{"service", "orders"}, {"state", "idle"}}), 1);
    EXPECT_EQ(page.value("trunkline_upstream_connections", {{"service", "orders"}, {"state", "active"}}), 1);
    EXPECT_EQ(page.value("trunkline_requests_in_flight", {{"door", "gateway"}}), 6);
}

TEST(Prometheus, too_many_samples_of_one_name_are_added_up_as_other) {
    System system;
    std::vector<Sample> samples;
    for (int i = 0; i < 50; ++i) {
        samples.push_back({.name = "x_total",
                           .help = "X.",
                           .type = MetricType::counter,
                           .labels = {{"service", "s" + std::to_string(i)}},
                           .value = 1});
    }
    samples.push_back(samples[0]);
    const std::string text = system.page(samples, 10);
    const StrictReader page(text);
    EXPECT_EQ(page.count("x_total"), 10U);
    EXPECT_EQ(page.value("x_total", {{"service", "s0"}}), 2);
    EXPECT_EQ(page.value("x_total", {{"service", "other"}}), 41);
}

TEST(Prometheus, a_sample_cannot_repeat_one_of_our_families) {
    System system;
    const std::string text = system.page({{.name = "trunkline_requests_total", .help = "Mine.", .value = 3}});
    EXPECT_NO_THROW(StrictReader{text});
}

TEST(Prometheus, series_over_the_cap_are_one_other) {
    System system;
    system.table = SeriesTable(3);
    for (int i = 0; i < 20; ++i) system.count("r" + std::to_string(i), 200, 1ms);
    const std::string text = system.page();
    const StrictReader page(text);
    EXPECT_EQ(page.count("trunkline_requests_total"), 3U);
    EXPECT_EQ(page.value("trunkline_requests_total",
                         {{"door", "other"}, {"route", "other"}, {"service", "other"}, {"code", "2xx"}}),
              18);
    EXPECT_EQ(page.value("trunkline_series_overflow_total"), 18);
}

TEST(Prometheus, the_order_does_not_depend_on_who_came_first) {
    System a, b;
    for (const char* route : {"x", "y"}) a.count(route, 200, 1ms);
    for (const char* route : {"y", "x"}) b.count(route, 200, 1ms);
    EXPECT_EQ(a.page(), b.page());
}

}  // namespace tl::telemetry
