#include "gateway/policies/headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

using codec::Field;
using codec::HeaderTable;
using manifest::list_of;
using manifest::map_of;
using manifest::text;
using proxy::RequestContext;

namespace {

constexpr size_t kMostValue = 8 * 1024;

}  // namespace

std::string all_values(const HeaderTable& headers, std::string_view name) {
    std::string all;
    for (const codec::Header& header : headers) {
        if (base::iequals(header.name, name)) all += (all.empty() ? "" : ",") + std::string{header.value};
    }
    return all;
}

void ask_for_readable_answer(proxy::RequestContext& context) {
    HeaderTable& headers = context.head().headers;
    const std::string taken = all_values(headers, "Accept-Encoding");
    if (!taken.empty()) context.accept_encoding = context.arena.copy(taken);
    for (const std::string_view name : {"Accept-Encoding", "Range", "If-Range"}) headers.remove(name);
}

bool is_coded(const HeaderTable& headers) {
    const std::string codings = all_values(headers, "Content-Encoding");
    return !codings.empty() && !base::iequals(base::trim(codings), "identity");
}

bool is_readable(uint16_t status, const HeaderTable& headers) { return status != 206 && !is_coded(headers); }

void remove_digests(HeaderTable& headers) {
    for (const std::string_view name : {"Content-MD5", "Content-Digest", "Digest"}) headers.remove(name);
}

std::optional<std::string> header_fault(std::string_view name) {
    if (!codec::is_token(name)) return "is no header name";
    // Framing, the connection, and HTTP/2's own names for it.
    static constexpr std::array<std::string_view, 12> kOfTheHop{
        "connection", "content-length", "keep-alive",          "proxy-connection",
        "te",         "trailer",        "transfer-encoding",   "upgrade",
        "expect",     "http2-settings", "proxy-authorization", "proxy-authenticate"};
    static constexpr std::array<std::string_view, 7> kOurs{
        "host", "traceparent", "tracestate", "forwarded", "x-forwarded-for", "x-forwarded-client-cert", "x-trace-id"};
    const std::string low = base::lower(name);
    if (std::ranges::find(kOfTheHop, low) != kOfTheHop.end())
        return "belongs to one connection or frames the message; Trunkline sets it itself";
    if (std::ranges::find(kOurs, low) != kOurs.end()) return "is said by Trunkline itself and cannot be changed";
    return std::nullopt;
}

namespace {

struct Change {
    std::string name;
    Field field = Field::other;
    Template value;
};

// One direction, ready to be carried out.
class Changes {
  public:
    explicit Changes(const HeaderChanges& config) : remove_(config.remove) {
        for (const auto& [from, to] : config.rename) rename_.emplace_back(from.value, to);
        for (const auto& [name, value] : config.set) set_.push_back(made(name.value, value));
        for (const auto& [name, value] : config.add) add_.push_back(made(name.value, value));
    }

    // False: a value is longer than any header may be.
    [[nodiscard]] bool apply(RequestContext& context, HeaderTable& headers, uint16_t status) const {
        for (const std::string& name : remove_) headers.remove(name);
        for (const auto& [from, to] : rename_) rename(context, headers, from, to);
        // All values are made of the fields as they are before the first is set: no order among them is to be known.
        std::vector<std::string_view> values;
        values.reserve(set_.size() + add_.size());
        for (const auto* list : {&set_, &add_}) {
            for (const Change& change : *list) {
                values.push_back(change.value.expand(context, Template::Target::header, status));
                if (values.back().size() > kMostValue) return false;
            }
        }
        const auto push = [&](const Change& change, std::string_view value) {
            if (!value.empty()) headers.push({change.name, value, change.field});
        };
        for (size_t i = 0; i < set_.size(); ++i) {
            headers.remove(set_[i].name);  // also when there is nothing to say: a client must not say it instead
            push(set_[i], values[i]);
        }
        for (size_t i = 0; i < add_.size(); ++i) push(add_[i], values[set_.size() + i]);
        return true;
    }

  private:
    static Change made(const std::string& name, const Template& value) {
        return {name, codec::lookup_field(name), value};
    }
    // Whoever sends both names must not get its own value through beside the renamed one: what was there goes.
    static void rename(RequestContext& context, HeaderTable& headers, const std::string& from, const std::string& to) {
        std::vector<std::string_view> values;
        for (const codec::Header& header : headers) {
            if (base::iequals(header.name, from)) values.push_back(context.arena.copy(header.value));
        }
        headers.remove(from);
        headers.remove(to);
        for (const std::string_view value : values) headers.add(to, value);
    }

    std::vector<std::string> remove_;
    std::vector<std::pair<std::string, std::string>> rename_;
    std::vector<Change> set_;
    std::vector<Change> add_;
};

class HeadersFilter final : public proxy::Filter {
  public:
    explicit HeadersFilter(const HeadersConfig& config) : request_(config.request), response_(config.response) {}

    std::string_view name() const override { return "headers"; }

    Verdict on_request(RequestContext& context) const override {
        if (request_.apply(context, context.head().headers, 0)) return Verdict::proceed;
        context.refusal = {proxy::Cause::head_too_large, "a header that the gateway makes of it would be too long"};
        return Verdict::refuse;
    }
    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        if (!response_.apply(context, head.headers, head.status)) context.note("headers", "too long a value left out");
    }

  private:
    Changes request_;
    Changes response_;
};

void check_changes(const HeaderChanges& changes, manifest::Position at, manifest::Diagnostics& diagnostics) {
    for (const auto& [name, value] : changes.set) {
        const auto same = [&](const std::string& removed) { return base::iequals(removed, name.value); };
        if (!std::ranges::any_of(changes.remove, same)) continue;
        diagnostics.error(name.at.line != 0 ? name.at : at, fmt::format("\"{}\" is both removed and set", name.value),
                          "`set` alone replaces what was there");
    }
}

using ParseTemplate = std::expected<Template, std::string> (*)(std::string_view);

manifest::Object<HeaderChanges> changes_schema(std::string title, ParseTemplate parse) {
    const auto name = [] { return text("a header's name").check(header_fault); };
    const auto value = manifest::custom<Template>("a value such as \"{identity.subject}\"", parse, &Template::text_of);
    return manifest::Object<HeaderChanges>(std::move(title))
        .field("remove", &HeaderChanges::remove, list_of(name()).at_most(100).or_single())
        .doc("Fields that are taken out. First of all.")
        .field("rename", &HeaderChanges::rename, map_of(name()).names(name()).at_most(100))
        .doc("Old name to new; a field that has the new name already is dropped.")
        .field("set", &HeaderChanges::set, map_of(value).names(name()).at_most(100))
        .doc("Fields that have this one value afterwards, whatever was there.")
        .field("add", &HeaderChanges::add, map_of(value).names(name()).at_most(100))
        .doc("Fields that are added to what is there.")
        .validate(check_changes);
}

}  // namespace

const manifest::Object<HeadersConfig>& headers_schema() {
    static const auto request = changes_schema("changes of a request's headers", &Template::parse);
    static const auto response = changes_schema("changes of an answer's headers", &Template::parse_response);
    static const auto schema = manifest::Object<HeadersConfig>("a headers policy")
                                   .position(&HeadersConfig::at)
                                   .field("request", &HeadersConfig::request, request)
                                   .doc("On the way to the service.")
                                   .field("response", &HeadersConfig::response, response)
                                   .doc("On the way to the client.");
    return schema;
}

void HeadersConfig::check(const PolicyCheck& check) const {
    if (check.path == nullptr) return;
    for (const auto* map : {&request.set, &request.add, &response.set, &response.add}) {
        for (const auto& [name, value] : *map) value.check(*check.path, name.at, check.diagnostics);
    }
}

FilterPtr make_headers_filter(const HeadersConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<HeadersFilter>(config);
}

}  // namespace tl::gateway
