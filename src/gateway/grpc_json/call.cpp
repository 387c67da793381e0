#include "gateway/grpc_json/call.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/grpc.h"
#include "gateway/policies/template.h"

namespace tl::gateway {

using codec::Field;
using proxy::Cause;
using proxy::Denial;
using proxy::RequestContext;

namespace {

constexpr size_t kMostParameters = 1000;  // of a query

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

Denial not_found(const RequestContext& context, const GrpcMapping::Found& found, std::string_view path) {
    const std::string_view method = context.head().method_text;
    Denial denial{Cause::no_route, fmt::format("no method of {} is at {} {}", context.route->service,
                                               base::printable(method), base::printable(path))};
    if (found.elsewhere.empty()) return denial;
    std::string allow;
    for (const std::string_view one : found.elsewhere) allow += (allow.empty() ? "" : ", ") + std::string{one};
    denial.detail =
        fmt::format("{} is asked with {}, not with {}", base::printable(path), allow, base::printable(method));
    denial.status = 405;
    denial.headers.emplace_back("Allow", allow);
    return denial;
}

// Why the body cannot be read; nothing if it can, or if there is none.
std::optional<Denial> judge_type(const codec::HeaderTable& headers) {
    const std::string_view value = headers.value(Field::content_type);
    const std::string type = base::lower(base::trim(value.substr(0, value.find(';'))));
    const codec::Header* const encoding = headers.find("Content-Encoding");
    if (encoding != nullptr && !base::iequals(encoding->value, "identity"))
        return Denial{Cause::invalid_request, "the body must come without Content-Encoding", 415};
    if (type.empty() || type == "application/json" || type.ends_with("+json")) return std::nullopt;
    return Denial{Cause::invalid_request,
                  fmt::format("the body must be application/json, not {}", base::printable(type)), 415};
}

// A segment's coded "/" stays coded where the variable may stand for several, so that it is not taken for one of them.
std::string decoded(std::string_view text, bool several, base::Arena& arena) {
    if (!several) return std::string{decode_percent(text, Plus::itself, arena)};
    std::string all;
    while (!text.empty()) {
        size_t at = 0;
        while (at < text.size() && !base::iequals(text.substr(at, 3), "%2f")) ++at;
        all += decode_percent(text.substr(0, at), Plus::itself, arena);
        all += text.substr(at, 3);
        text.remove_prefix(std::min(text.size(), at + 3));
    }
    return all;
}

void add_path(const GrpcBinding& binding, const std::vector<std::string_view>& values, RequestContext& context,
              GrpcInput& input) {
    if (binding.whole_route) {
        for (size_t i = 0; i < binding.params.size() && i < context.match.count; ++i) {
            if (binding.params[i].empty()) continue;
            input.path.emplace_back(binding.params[i], decoded(context.match.params[i], false, context.arena));
        }
        for (const auto& [field, value] : binding.fields) {
            const std::string_view text = value.expand(context, Template::Target::document);
            if (text.empty()) input.clear.push_back(field);
            if (!text.empty()) input.path.emplace_back(field, text);
        }
        return;
    }
    const auto& variables = binding.path.variables();
    for (size_t i = 0; i < variables.size(); ++i)
        input.path.emplace_back(variables[i].field, decoded(values[i], variables[i].several, context.arena));
}

bool same_field(std::string_view a, std::string_view b) {
    const auto bare = [](std::string_view name) {
        std::string text = base::lower(name);
        std::erase(text, '_');
        return text;
    };
    return bare(a) == bare(b);
}

// What is wrong with its place; "" if nothing is.
std::string judge_parameter(const GrpcBinding& binding, const GrpcInput& input, const std::string& name) {
    const std::string shown = base::printable(name, 100);
    for (const auto& [field, value] : input.path) {
        if (same_field(field, name)) return fmt::format("\"{}\" is said by the path", shown);
    }
    for (const std::string& field : input.clear) {
        if (same_field(field, name)) return fmt::format("\"{}\" is said by the gateway alone", shown);
    }
    if (binding.whole_route) return {};
    const std::string& body = binding.rule.body;
    if (body == "*") return fmt::format("\"{}\" belongs into the body: this method has no query", shown);
    const bool in_body = !body.empty() && same_field(name.substr(0, name.find('.')), body);
    return in_body ? fmt::format("\"{}\" is said by the body", shown) : std::string{};
}

void add_query(const GrpcBinding& binding, bool ignore_unknown, RequestContext& context, GrpcInput& input,
               std::vector<std::string>& wrong) {
    std::string_view query = context.head().query;
    for (size_t count = 0; !query.empty(); ++count) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        if (pair.empty()) continue;
        if (count == kMostParameters) {
            wrong.emplace_back("the query has too many parameters");
            return;
        }
        const size_t equals = std::min(pair.find('='), pair.size());
        const std::string name{decode_percent(pair.substr(0, equals), Plus::space, context.arena)};
        const std::string_view value = pair.substr(std::min(pair.size(), equals + 1));
        std::string why = judge_parameter(binding, input, name);
        if (why.empty()) {
            input.query.emplace_back(name, decode_percent(value, Plus::space, context.arena));
        } else if (!ignore_unknown && wrong.size() < GrpcSchema::kMostWrong) {
            wrong.push_back(std::move(why));
        }
    }
}

StreamForm form_of(const codec::HeaderTable& headers) {
    const bool events = base::lower(headers.value(Field::accept)).contains("text/event-stream");
    return events ? StreamForm::sse : StreamForm::ndjson;
}

// The head of a call. The method of the client stays where HTTP's rules ask for it: whether it may be sent twice.
void make_head(RequestContext& context, const GrpcBinding& binding) {
    codec::RequestHead& head = context.head();
    head.method_text = "POST";
    head.upgrade = false;
    context.upstream_target = binding.method->path;
    for (const std::string_view name :
         {"Accept", "Content-Encoding", "Content-MD5", "Content-Digest", "Digest", "Range", "If-None-Match",
          "If-Modified-Since", "grpc-encoding", "Content-Language"})
        head.headers.remove(name);
    head.headers.set(Field::content_type, "application/grpc");
    head.headers.set(Field::te, "trailers");
    head.headers.set("grpc-accept-encoding", "identity");
}

bool refuse(RequestContext& context, std::vector<std::string> wrong) {
    const size_t more = wrong.size() - 1;
    context.refusal = {Cause::invalid_request, wrong.front() + (more == 0 ? "" : fmt::format(" (and {} more)", more))};
    context.refusal.violations = std::move(wrong);
    return false;
}

bool refuse(RequestContext& context, Denial denial) {
    context.refusal = std::move(denial);
    return false;
}

}  // namespace

bool make_grpc_call(RequestContext& context, std::string& body, GrpcMappingPtr mapping) {
    const codec::RequestHead& head = context.head();
    const std::string_view path = path_of(context.target());
    const GrpcMapping::Found found = mapping->find(head.method_text, path);
    if (found.binding == nullptr) return refuse(context, not_found(context, found, path));
    const GrpcBinding& binding = *found.binding;
    const GrpcMethod& method = *binding.method;
    context.note("grpc", method.name);
    if (head.method == codec::Method::head)
        return refuse(context, {Cause::no_route, "HEAD has no answer in gRPC: ask with GET", 405});
    GrpcInput input;
    Document document;
    if (!body.empty()) {
        if (auto denial = judge_type(head.headers)) return refuse(context, std::move(*denial));
        if (binding.rule.body.empty())
            return refuse(context, {Cause::invalid_request, fmt::format("{} takes no body", method.name)});
        auto read = read_json(body);
        if (!read) return refuse(context, {Cause::invalid_request, read.error().message()});
        document = std::move(*read);
        input.body = &document;
        if (binding.rule.body != "*") input.body_field = binding.rule.body;
    }
    std::vector<std::string> wrong;
    add_path(binding, found.values, context, input);
    add_query(binding, mapping->rules().ignore_unknown, context, input, wrong);
    auto message = mapping->schema().encode(method, input, mapping->rules());
    if (!message) wrong.insert(wrong.end(), message.error().begin(), message.error().end());
    if (!wrong.empty()) return refuse(context, std::move(wrong));
    auto call = std::make_unique<GrpcCall>();
    call->binding = &binding;
    call->form = form_of(head.headers);
    make_head(context, binding);
    body = codec::grpc_frame_head(0, static_cast<uint32_t>(message->size())) + *message;
    call->mapping = std::move(mapping);
    context.transcoding = std::move(call);
    context.grpc = true;
    return true;
}

}  // namespace tl::gateway
