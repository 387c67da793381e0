#include "app/handover.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tl::app {

using Json = nlohmann::json;
using supervisor::InstanceEstate;
using supervisor::LogLine;
using supervisor::ServiceEstate;
using supervisor::StreamEstate;

namespace {

// Each struct's fields are listed once; Writer and Reader go through the same list.

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, StreamEstate>
{
    f("fd", v.fd);
    f.bytes("partial", v.partial);
}

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, InstanceEstate>
{
    f("id", v.id);
    f("version", v.version);
    f.word("state", v.state,
           std::array{supervisor::InstanceState::starting, supervisor::InstanceState::running,
                      supervisor::InstanceState::stopping, supervisor::InstanceState::backoff,
                      supervisor::InstanceState::crash_loop});
    f("since", v.since);
    f("was_ready", v.was_ready);
    f("restarts", v.restarts);
    f("starts", v.starts);
    f("failures", v.failures);
    f("last_exit", v.last_exit);
    f("limits", v.limits);
    f("next_start", v.next_start);
    f("pid", v.pid);
    f("port", v.port);
    f("age", v.age);
    f("cgroups", v.cgroups);
    f("out", v.out);
    f("err", v.err);
}

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, ServiceEstate>
{
    f("name", v.name);
    f("fingerprint", v.fingerprint);
    f("next_ordinal", v.next_ordinal);
    f("started", v.started);
    f("mixed", v.mixed);
    f("last_change", v.last_change);
    f("instances", v.instances);
}

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, LogLine>
{
    f("time", v.time);
    f("service", v.service);
    f("instance", v.instance);
    f.word("stream", v.stream,
           std::array{supervisor::Stream::out, supervisor::Stream::err, supervisor::Stream::notice});
    f("text", v.text);
}

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, HandedDoor>
{
    f("key", v.key);
    f("address", v.address);
    f("sockets", v.sockets);
}

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, HandedInstance>
{
    f("service", v.service);
    f("id", v.id);
    f("address", v.address);
    f("version", v.version);
    f("zone", v.zone);
    f("weight", v.weight);
    f("host", v.host);
    f("state", v.state);
    f("reason", v.reason);
    f("last_probe", v.last_probe);
    f("since", v.since);
    f("of_others", v.of_others);
}

template <class F>
void fields(F& f, auto& v)
    requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(v)>>, Handover>
{
    f("format", v.format);
    f("version", v.version);
    f("run_id", v.run_id);
    f("manifest_file", v.manifest_file);
    f.bytes("manifest_text", v.manifest_text);
    f("cores", v.cores);
    f("started", v.started);
    f("revision", v.revision);
    f("cookie_low", v.cookie_low);
    f("cookie_high", v.cookie_high);
    f("upgrades", v.upgrades);
    f("grace", v.grace);
    f("join_layout", v.join_layout);
    f("joined", v.joined);
    f("lock", v.lock);
    f("guard", v.guard);
    f("guard_pipe", v.guard_pipe);
    f("admin_socket", v.admin_socket);
    f("admin_http", v.admin_http);
    f("doors", v.doors);
    f("instances", v.instances);
    f("services", v.estate.services);
    f("lines", v.estate.lines);
}

struct Writer {
    Json json = Json::object();

    template <class T>
    void operator()(const char* key, const T& value) {
        json[key] = encode(value);
    }
    // What may be no UTF-8.
    void bytes(const char* key, const std::string& value) { json[key] = base::to_hex(value); }
    template <class T>
    void word(const char* key, const T& value, const auto& /*all*/) {
        json[key] = to_string(value);
    }

    static Json encode(base::Duration d) { return d.count(); }
    static Json encode(base::WallTime t) { return t.time_since_epoch().count(); }
    static Json encode(const supervisor::LogLinePtr& line) { return encode(*line); }
    template <class T>
    static Json encode(const std::vector<T>& values) {
        Json list = Json::array();
        for (const T& value : values) list.push_back(encode(value));
        return list;
    }
    template <class T>
    static Json encode(const T& value) {
        if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>) {
            return value;
        } else {
            Writer inner;
            fields(inner, value);
            return std::move(inner.json);
        }
    }
};

std::string from_hex(const std::string& hex) {
    std::string bytes(hex.size() / 2, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) {
        uint8_t value = 0;
        std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, value, 16);
        bytes[i] = static_cast<char>(value);
    }
    return bytes;
}

// Throws Json::exception where a value is of another type than it must be; keys that are missing leave the default.
struct Reader {
    const Json& json;

    template <class T>
    void operator()(const char* key, T& value) {
        if (const auto found = json.find(key); found != json.end()) decode(*found, value);
    }
    void bytes(const char* key, std::string& value) {
        if (const auto found = json.find(key); found != json.end()) value = from_hex(found->get<std::string>());
    }
    template <class T>
    void word(const char* key, T& value, const auto& all) {
        const std::string said = json.value(key, "");
        for (const T& each : all) {
            if (to_string(each) == said) value = each;
        }
    }

    static void decode(const Json& from, base::Duration& d) { d = base::Duration{from.get<int64_t>()}; }
    static void decode(const Json& from, base::WallTime& t) {
        t = base::WallTime{base::WallTime::duration{from.get<int64_t>()}};
    }
    static void decode(const Json& from, supervisor::LogLinePtr& to) {
        LogLine line;
        decode(from, line);
        to = std::make_shared<const LogLine>(std::move(line));
    }
    template <class T>
    static void decode(const Json& from, std::vector<T>& values) {
        for (const Json& each : from.get_ref<const Json::array_t&>()) decode(each, values.emplace_back());
    }
    template <class T>
    static void decode(const Json& from, T& value) {
        if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>) {
            value = from.get<T>();
        } else {
            [[maybe_unused]] const auto& object = from.get_ref<const Json::object_t&>();  // throws if it is none
            Reader inner{from};
            fields(inner, value);
        }
    }
};

}  // namespace

std::vector<int> Handover::descriptors() const {
    std::vector<int> all{lock, guard_pipe, admin_socket, admin_http};
    all.insert(all.end(), joined.begin(), joined.end());
    for (const HandedDoor& door : doors) all.insert(all.end(), door.sockets.begin(), door.sockets.end());
    for (const ServiceEstate& service : estate.services) {
        for (const InstanceEstate& instance : service.instances) {
            all.push_back(instance.out.fd);
            all.push_back(instance.err.fd);
        }
    }
    std::erase_if(all, [](int fd) { return fd < 0; });
    return all;
}

std::string write_handover(const Handover& handover) {
    return Writer::encode(handover).dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Handover> read_handover(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return base::fail(base::Code::invalid, "what the former program left is not readable");
    Handover handover{.format = 0};
    try {
        Reader::decode(json, handover);
    } catch (const Json::exception& wrong) {
        return base::fail(base::Code::invalid,
                          fmt::format("what the former program left is not as expected: {}", wrong.what()));
    }
    if (handover.format == Handover::kFormat) return handover;
    return base::fail(base::Code::invalid, fmt::format("the former program leaves its state in format {}, this one "
                                                       "knows format {}: stop and start instead",
                                                       handover.format, Handover::kFormat));
}

std::string HandoverTicket::in_words() const {
    return fmt::format("{} {} {} {} {}", file, former, former_link, program, failed);
}

std::optional<HandoverTicket> HandoverTicket::parse(std::string_view words) {
    HandoverTicket ticket;
    for (int* number : {&ticket.file, &ticket.former, &ticket.former_link, &ticket.program}) {
        const auto [end, wrong] = std::from_chars(words.data(), words.data() + words.size(), *number);
        if (wrong != std::errc{}) return std::nullopt;
        words.remove_prefix(static_cast<size_t>(end - words.data()));
        if (words.starts_with(' ')) words.remove_prefix(1);
    }
    ticket.failed = words;
    return ticket;
}

std::optional<HandoverTicket> HandoverTicket::take() {
    const char* words = std::getenv(kVariable);
    if (words == nullptr) return std::nullopt;
    auto ticket = parse(words);
    ::unsetenv(kVariable);
    return ticket;
}

base::Result<int> make_memory_file(std::string_view text) {
    const int fd = ::memfd_create("trunkline-handover", MFD_CLOEXEC);
    if (fd < 0) return base::fail(base::from_errno(errno, "make a memory file"));
    while (!text.empty()) {
        const ssize_t put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            const int number = errno;
            ::close(fd);
            return base::fail(base::from_errno(number, "write a memory file"));
        }
        text.remove_prefix(static_cast<size_t>(put));
    }
    return fd;
}

base::Result<std::string> read_whole_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    if (!in.good() && !in.eof()) return base::fail(base::Code::not_found, fmt::format("{} cannot be read", path));
    return text;
}

void set_over_exec(const std::vector<int>& descriptors, OverExec what) {
    for (const int fd : descriptors) {
        if (fd >= 0) ::fcntl(fd, F_SETFD, what == OverExec::close ? FD_CLOEXEC : 0);
    }
}

}  // namespace tl::app
