#include "telemetry/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <set>

#include "telemetry/escape.h"

namespace tl::telemetry {

namespace {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    return fmt::format("{}", value);
}

// a="x",b="y" without the braces.
std::string label_text(const Labels& labels) {
    std::string out;
    for (const auto& [name, value] : labels) {
        if (!out.empty()) out += ',';
        out += name;
        out += '=';
        append_label_value(out, value);
    }
    return out;
}

// What a name may consist of: letters, digits, underscores, colons in metrics; no digit in front.
std::string allowed_name(std::string_view name, bool colons) {
    std::string out;
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        const bool digit = c >= '0' && c <= '9';
        if (out.empty() && digit) out += '_';
        out += letter || digit || (colons && c == ':') ? c : '_';
    }
    return out.empty() ? "_" : out;
}

class Page {
  public:
    // False when this family was written before: a second one would make the page invalid.
    bool family(std::string_view name, std::string_view type, std::string_view help) {
        if (!names_.emplace(name).second) return false;
        name_ = name;
        out_ += "# HELP ";
        out_ += name;
        out_ += ' ';
        for (const char c : help) {
            if (c == '\\')
                out_ += "\\\\";
            else if (c == '\n')
                out_ += "\\n";
            else
                out_ += c;
        }
        fmt::format_to(std::back_inserter(out_), "\n# TYPE {} {}\n", name, type);
        return true;
    }
    void sample(std::string_view suffix, std::string_view labels, std::string_view value) {
        out_ += name_;
        out_ += suffix;
        if (!labels.empty()) {
            out_ += '{';
            out_ += labels;
            out_ += '}';
        }
        out_ += ' ';
        out_ += value;
        out_ += '\n';
    }
    void sample(const Labels& labels, uint64_t value) { sample("", label_text(labels), fmt::to_string(value)); }
    void gauge(const Labels& labels, int64_t value) { sample("", label_text(labels), fmt::to_string(value)); }

    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    std::string out_;
    std::string name_;
    std::set<std::string, std::less<>> names_;
};

// A series that has something to show, with its labels.
struct Shown {
    const SeriesCell* cell;
    Labels labels;
};

// Those that `wanted` says of; a predicate on the cell.
template <class Wanted>
std::vector<Shown> shown_series(const SeriesTable& table, const MetricsData& data, Wanted wanted) {
    std::vector<SeriesId> ids(std::min(table.series(), data.series.size()));
    std::iota(ids.begin(), ids.end(), 0U);
    // By name; `other` comes last.
    std::ranges::sort(ids, [&](SeriesId a, SeriesId b) {
        if ((a == kOtherSeries) != (b == kOtherSeries)) return b == kOtherSeries;
        return table.key(a) < table.key(b);
    });
    std::vector<Shown> shown;
    for (const SeriesId id : ids) {
        const SeriesCell& cell = data.series[id];
        if (!wanted(cell)) continue;
        const SeriesTable::Key& key = table.key(id);
        const std::string_view door = id == kOtherSeries ? "other" : to_string(key.door);
        shown.push_back({&cell, {{"door", door}, {"route", key.route}, {"service", key.service}}});
    }
    return shown;
}

void write_requests(Page& page, const std::vector<Shown>& series) {
    constexpr std::array<std::string_view, kStatusClasses> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    page.family("trunkline_requests_total", "counter",
                "Finished requests by class of their status; none: nothing could be sent.");
    for (const Shown& shown : series) {
        for (size_t i = 0; i < kClasses.size(); ++i) {
            if (shown.cell->by_class[i] == 0) continue;
            Labels labels = shown.labels;
            labels.emplace_back("code", kClasses[i]);
            page.sample(labels, shown.cell->by_class[i]);
        }
    }
}

void write_calls(Page& page, const std::vector<Shown>& series) {
    const auto has_calls = [](const Shown& shown) {
        return std::ranges::any_of(shown.cell->calls, [](uint64_t count) { return count != 0; });
    };
    if (std::ranges::none_of(series, has_calls)) return;
    page.family("trunkline_grpc_requests_total", "counter",
                "Finished calls of gRPC by the status that they ended with.");
    for (const Shown& shown : series) {
        for (size_t i = 0; i < codec::kGrpcStatuses; ++i) {
            if (shown.cell->calls[i] == 0) continue;
            Labels labels = shown.labels;
            labels.emplace_back("grpc_status", codec::name_of(static_cast<codec::GrpcStatus>(i)));
            page.sample(labels, shown.cell->calls[i]);
        }
    }
}

void write_durations(Page& page, const std::vector<Shown>& series) {
    page.family("trunkline_request_duration_seconds", "histogram",
                "Time from a request's head to the last byte of its answer, upgraded connections left out.");
    for (const Shown& shown : series) {
        const Histogram& histogram = shown.cell->duration;
        const std::string labels = label_text(shown.labels);
        uint64_t below = 0;
        for (size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
            below += histogram.coarse()[i];
            const bool last = i == Histogram::kBounds.size();
            const std::string bound = last ? "+Inf" : number(static_cast<double>(Histogram::kBounds[i]) / 1e9);
            page.sample("_bucket", fmt::format("{},le=\"{}\"", labels, bound), fmt::to_string(below));
        }
        page.sample("_sum", labels, number(static_cast<double>(histogram.sum_ns()) / 1e9));
        page.sample("_count", labels, fmt::to_string(histogram.count()));
    }
}

void write_sizes(Page& page, const std::vector<Shown>& series) {
    page.family("trunkline_request_body_bytes_total", "counter", "Bytes of the requests' bodies.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->bytes_in);
    page.family("trunkline_response_body_bytes_total", "counter", "Bytes of the answers' bodies.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->bytes_out);
    page.family("trunkline_request_retries_total", "counter", "Attempts beyond a request's first.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->retries);
}

// What is counted of TCP.
void write_connections(Page& page, const std::vector<Shown>& series) {
    if (series.empty()) return;
    page.family("trunkline_tcp_connections_total", "counter", "Connections of TCP that were accepted.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->connections.accepted);
    page.family("trunkline_tcp_connections_failed_total", "counter",
                "Of those: refused, or without an instance that could be reached.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->connections.failed);
    page.family("trunkline_tcp_connections", "gauge", "Connections of TCP that are open, now.");
    for (const Shown& shown : series) page.gauge(shown.labels, shown.cell->connections.open);
    page.family("trunkline_tcp_received_bytes_total", "counter", "Bytes from clients.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->bytes_in);
    page.family("trunkline_tcp_sent_bytes_total", "counter", "Bytes to clients.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->bytes_out);
    page.family("trunkline_tcp_retries_total", "counter", "Tries of a connection beyond its first instance.");
    for (const Shown& shown : series) page.sample(shown.labels, shown.cell->retries);
}

void write_causes(Page& page, const MetricsData& data, RecordWords::Word cause) {
    page.family("trunkline_errors_total", "counter", "Requests that failed here or behind, by cause.");
    // Several numbers may share a word, "" among them: a label set must not come twice.
    std::map<std::string, uint64_t> by_name;
    for (size_t i = 1; i < kMostCauses; ++i) {
        if (data.causes[i] == 0) continue;
        const std::string_view name = cause != nullptr ? cause(static_cast<uint8_t>(i)) : "";
        by_name[name.empty() ? "other" : std::string{name}] += data.causes[i];
    }
    for (const auto& [name, count] : by_name) page.sample({{"cause", name}}, count);
}

void write_pools(Page& page, const SeriesTable& table, const MetricsData& data) {
    const size_t count = std::min(table.pools(), data.pools.size());
    std::map<std::string_view, PoolCell> pools;  // a service may be named `other` too
    for (size_t i = 0; i < count; ++i) {
        const PoolCell& pool = data.pools[i];
        if (pool.opened + pool.failed + pool.reused + pool.mirrors_dropped != 0)
            pools[table.pool(static_cast<PoolId>(i))].merge(pool);
    }
    const auto counter = [&](std::string_view name, std::string_view help, uint64_t PoolCell::* member) {
        page.family(name, "counter", help);
        for (const auto& [service, pool] : pools) page.sample({{"service", service}}, pool.*member);
    };
    counter("trunkline_upstream_connections_opened_total", "Connections opened to a service.", &PoolCell::opened);
    counter("trunkline_upstream_connections_failed_total", "Connections that could not be opened.", &PoolCell::failed);
    counter("trunkline_upstream_connections_closed_total", "Connections to a service that ended.", &PoolCell::closed);
    counter("trunkline_upstream_connections_reused_total", "Requests sent on a connection used before.",
            &PoolCell::reused);
    const bool mirrored = std::ranges::any_of(
        pools, [](const auto& one) { return one.second.mirrors + one.second.mirrors_dropped != 0; });
    if (mirrored) {
        counter("trunkline_mirrored_requests_total", "Copies of requests sent to a service.", &PoolCell::mirrors);
        counter("trunkline_mirrored_requests_dropped_total", "Copies that were too large, or one too many.",
                &PoolCell::mirrors_dropped);
    }
    page.family("trunkline_upstream_connections", "gauge", "Open connections to a service, now.");
    for (const auto& [service, pool] : pools) {
        page.gauge({{"service", service}, {"state", "active"}}, pool.open - pool.idle);
        page.gauge({{"service", service}, {"state", "idle"}}, pool.idle);
    }
}

void write_doors(Page& page, const MetricsData& data) {
    const auto each = [&](auto member) {
        for (const Door door : {Door::gateway, Door::sidecar}) {
            const auto value = data.doors[static_cast<size_t>(door)].*member;
            page.sample("", label_text({{"door", to_string(door)}}), fmt::to_string(value));
        }
    };
    page.family("trunkline_connections_accepted_total", "counter", "Connections accepted from clients.");
    each(&DoorCell::accepted);
    page.family("trunkline_connections_refused_total", "counter", "Connections refused, over a cap or not HTTP.");
    each(&DoorCell::refused);
    page.family("trunkline_connections", "gauge", "Open connections of clients, now.");
    each(&DoorCell::open);
    page.family("trunkline_requests_in_flight", "gauge", "Requests that are being served, now.");
    each(&DoorCell::in_flight);
    page.family("trunkline_http2_connections_total", "counter", "Connections of clients that spoke HTTP/2.");
    each(&DoorCell::http2);
    page.family("trunkline_http2_abuse_total", "counter", "HTTP/2 connections closed for asking too much, by reason.");
    for (const Door door : {Door::gateway, Door::sidecar}) {
        const DoorCell& cell = data.doors[static_cast<size_t>(door)];
        for (size_t i = 0; i < kHttp2Abuses.size(); ++i) {
            page.sample("", label_text({{"door", to_string(door)}, {"reason", kHttp2Abuses[i]}}),
                        fmt::to_string(cell.http2_abuses[i]));
        }
    }
    page.family("trunkline_tls_handshakes_total", "counter", "TLS handshakes with clients that succeeded.");
    each(&DoorCell::handshakes);
    page.family("trunkline_tls_resumed_total", "counter", "TLS handshakes that resumed a session; also counted above.");
    each(&DoorCell::resumed);
    page.family("trunkline_tls_failures_total", "counter", "TLS handshakes with clients that failed.");
    each(&DoorCell::failed_handshakes);
}

// One family of other rooms' samples: by label text, so that the order is fixed and no set comes twice.
struct Family {
    const Sample* first = nullptr;
    std::map<std::string, double> values;
};

std::string labels_of(const Sample& sample, bool all_other) {
    std::map<std::string, std::string_view> labels;  // by name; a name that comes twice keeps its first value
    for (const auto& [name, value] : sample.labels) {
        labels.emplace(allowed_name(name, false), all_other ? std::string_view{"other"} : value);
    }
    return label_text({labels.begin(), labels.end()});
}

void write_samples(Page& page, const Exposition& exposition) {
    std::map<std::string, Family> families;
    for (const Sample& sample : exposition.samples) {
        Family& family = families[allowed_name(sample.name, true)];
        if (family.first == nullptr) family.first = &sample;
        std::string labels = labels_of(sample, false);
        // The place of `other` is kept free; values of one set are added up.
        const bool full = family.values.size() + 1 >= exposition.family_cap && !family.values.contains(labels);
        if (full && !sample.labels.empty()) labels = labels_of(sample, true);
        family.values[labels] += sample.value;
    }
    for (const auto& [name, family] : families) {
        const bool counter = family.first->type == MetricType::counter;
        if (!page.family(name, counter ? "counter" : "gauge", family.first->help)) continue;
        for (const auto& [labels, value] : family.values) page.sample("", labels, number(value));
    }
}

}  // namespace

std::string write_prometheus(const Exposition& exposition) {
    Page page;
    if (exposition.table != nullptr && exposition.data != nullptr) {
        const auto series = shown_series(*exposition.table, *exposition.data,
                                         [](const SeriesCell& cell) { return cell.requests() > 0; });
        write_requests(page, series);
        write_calls(page, series);
        write_durations(page, series);
        write_sizes(page, series);
        write_connections(page, shown_series(*exposition.table, *exposition.data,
                                             [](const SeriesCell& cell) { return cell.connections.accepted > 0; }));
        write_causes(page, *exposition.data, exposition.cause);
        write_pools(page, *exposition.table, *exposition.data);
        write_doors(page, *exposition.data);
        page.family("trunkline_series_overflow_total", "counter",
                    "Routes and services that are counted as other because the table of series is full.");
        page.sample(Labels{}, exposition.table->overflowed());
    }
    write_samples(page, exposition);
    return page.take();
}

}  // namespace tl::telemetry
