#include "console/views.h"

#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/units.h"

namespace tl::console {

namespace {

// Each view's fields are listed once, in fields(); Writer and Reader go through the same list, so that what is written
// can always be read back.

double to_milliseconds(base::Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// Far beyond any latency or uptime: what another program writes must not overflow the conversion.
constexpr double kMostMilliseconds = 1e12;

base::Duration from_milliseconds(double ms) {
    if (!(ms >= 0)) return {};
    return base::Duration{static_cast<int64_t>(std::fmin(ms, kMostMilliseconds) * 1e6)};
}

base::WallTime read_time(const std::string& text) {
    std::tm tm{};
    int millis = 0;
    const int got = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                                &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &millis);
    if (got != 7) return {};
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return base::WallTime{std::chrono::seconds{timegm(&tm)} + std::chrono::milliseconds{millis}};
}

struct Writer {
    Json json = Json::object();

    template <class T>
    void operator()(const char* key, const T& value) {
        json[key] = encode(value);
    }

    static Json encode(base::Duration d) { return std::round(to_milliseconds(d) * 1000) / 1000; }
    static Json encode(base::WallTime time) {
        return time == base::WallTime{} ? Json(nullptr) : Json(base::format_time(time));
    }
    static Json encode(double value) { return std::round(value * 10000) / 10000; }
    template <class T>
    static Json encode(const std::vector<T>& values) {
        Json list = Json::array();
        for (const T& value : values) list.push_back(encode(value));
        return list;
    }
    template <class T>
    static Json encode(const T& value) {
        if constexpr (requires { to_json(value); }) {
            return to_json(value);
        } else {
            return value;
        }
    }
};

struct Reader {
    const Json& json;

    template <class T>
    void operator()(const char* key, T& value) {
        const auto found = json.find(key);
        if (found != json.end()) decode(*found, value);
    }

    static void decode(const Json& from, base::Duration& d) {
        if (from.is_number()) d = from_milliseconds(from.get<double>());
    }
    static void decode(const Json& from, base::WallTime& time) {
        if (from.is_string()) time = read_time(from.get<std::string>());
    }
    static void decode(const Json& from, std::string& text) {
        if (from.is_string()) text = from.get<std::string>();
    }
    static void decode(const Json& from, bool& flag) {
        if (from.is_boolean()) flag = from.get<bool>();
    }
    template <class T>
    static void decode(const Json& from, std::vector<T>& values) {
        for (const Json& each : from) decode(each, values.emplace_back());
    }
    template <class T>
        requires std::is_arithmetic_v<T>
    static void decode(const Json& from, T& number) {
        if (from.is_number()) number = from.get<T>();
    }
    template <class T>
        requires std::is_class_v<T>
    static void decode(const Json& from, T& view) {
        view = read_view<T>(from);
    }
};

template <class F, class V>
void traffic_fields(F& f, V& v) {
    f("per_second", v.per_second);
    f("error_share", v.error_share);
    f("p50_ms", v.p50);
    f("p99_ms", v.p99);
    f("total", v.total);
    f("open", v.open);
    f("bytes_in_per_second", v.bytes_in);
    f("bytes_out_per_second", v.bytes_out);
}

template <class F, class V>
void instance_fields(F& f, V& v) {
    f("id", v.id);
    f("service", v.service);
    f("address", v.address);
    f("port", v.port);
    f("pid", v.pid);
    f("state", v.state);
    f("reason", v.reason);
    f("since", v.since);
    f("restarts", v.restarts);
    f("last_exit", v.last_exit);
    f("version", v.version);
    f("rss_bytes", v.rss);
    f("cpu_share", v.cpu_share);
    f("in_flight", v.in_flight);
    f("last_probe", v.last_probe);
    f("ejected", v.ejected);
}

template <class F, class V>
void service_fields(F& f, V& v) {
    f("name", v.name);
    f("context", v.context);
    f("version", v.version);
    f("protocol", v.protocol);
    f("state", v.state);
    f("reason", v.reason);
    f("panic", v.panic);
    f("breaker", v.breaker);
    f("acceleration", v.acceleration);
    f("replicas_wanted", v.replicas_wanted);
    f("replicas_healthy", v.replicas_healthy);
    f("calls", v.calls);
    f("instances", v.instances);
    f("traffic", v.traffic);
}

template <class F, class V>
void route_fields(F& f, V& v) {
    f("name", v.name);
    f("host", v.host);
    f("path", v.path);
    f("listen", v.listen);
    f("methods", v.methods);
    f("conditions", v.conditions);
    f("to", v.to);
    f("shaping", v.shaping);
    f("rewrite", v.rewrite);
    f("timeout_ms", v.timeout);
    f("retries", v.retries);
    f("priority", v.priority);
    f("shadowed_by", v.shadowed_by);
    f("traffic", v.traffic);
}

template <class F, class V>
void certificate_fields(F& f, V& v) {
    f("used_by", v.used_by);
    f("file", v.file);
    f("subject", v.subject);
    f("issuer", v.issuer);
    f("names", v.names);
    f("key", v.key);
    f("from", v.from);
    f("until", v.until);
    f("problem", v.problem);
}

template <class F, class V>
void status_fields(F& f, V& v) {
    f("system", v.system);
    f("version", v.version);
    f("pid", v.pid);
    f("started", v.started);
    f("uptime_ms", v.uptime);
    f("state_dir", v.state_dir);
    f("manifest", v.manifest);
    f("revision", v.revision);
    f("cores", v.cores);
    f("gateway", v.gateway);
    f("certificates", v.certificates);
    f("acceleration", v.acceleration);
    f("admin", v.admin);
    f("rss_bytes", v.rss);
    f("guard", v.guard);
    f("upgrades", v.upgrades);
    f("upgraded", v.upgraded);
    f("upgrade_failed", v.upgrade_failed);
    f("stopping", v.stopping);
    f("services", v.services);
    f("warnings", v.warnings);
}

template <class F, class V>
void change_fields(F& f, V& v) {
    f("kind", v.kind);
    f("name", v.name);
    f("action", v.action);
    f("why", v.why);
}

template <class F, class V>
void plan_fields(F& f, V& v) {
    f("changes", v.changes);
    f("warnings", v.warnings);
    f("shadows", v.shadows);
}

template <class F, class V>
void log_fields(F& f, V& v) {
    f("time", v.time);
    f("service", v.service);
    f("instance", v.instance);
    f("stream", v.stream);
    f("text", v.text);
}

template <class F, class V>
void progress_fields(F& f, V& v) {
    f("text", v.text);
    f("done", v.done);
    f("failed", v.failed);
}

}  // namespace

#define TL_VIEW(View, fields)                \
    Json to_json(const View& view) {         \
        Writer writer;                       \
        fields(writer, view);                \
        return std::move(writer.json);       \
    }                                        \
    template <>                              \
    View read_view<View>(const Json& json) { \
        View view;                           \
        Reader reader{json};                 \
        fields(reader, view);                \
        return view;                         \
    }

TL_VIEW(Traffic, traffic_fields)
TL_VIEW(InstanceView, instance_fields)
TL_VIEW(ServiceView, service_fields)
TL_VIEW(RouteView, route_fields)
TL_VIEW(CertificateView, certificate_fields)
TL_VIEW(StatusView, status_fields)
TL_VIEW(PlanChange, change_fields)
TL_VIEW(PlanView, plan_fields)
TL_VIEW(LogLine, log_fields)
TL_VIEW(ProgressLine, progress_fields)

#undef TL_VIEW

}  // namespace tl::console
