#include "gateway/grpc_json/filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "gateway/grpc_json/answer.h"
#include "gateway/grpc_json/call.h"
#include "gateway/grpc_json/reflection.h"
#include "proxy/filter.h"

namespace tl::gateway {

using proxy::Cause;
using proxy::RequestContext;

namespace {

// Where the bindings of a route come from.
class Mappings {
  public:
    virtual ~Mappings() = default;
    // nullptr, and context.refusal: there are none.
    [[nodiscard]] virtual rt::Task<GrpcMappingPtr> get(RequestContext& context) const = 0;
};

class OfFile final : public Mappings {
  public:
    explicit OfFile(GrpcMappingPtr mapping) : mapping_(std::move(mapping)) {}
    rt::Task<GrpcMappingPtr> get(RequestContext& /*context*/) const override { co_return mapping_; }

  private:
    GrpcMappingPtr mapping_;
};

// The file could not be read when the door was built (it had passed `check` before).
class Unreadable final : public Mappings {
  public:
    explicit Unreadable(std::string why) : why_(std::move(why)) {}
    rt::Task<GrpcMappingPtr> get(RequestContext& context) const override {
        context.refusal = {Cause::policy_unavailable, why_};
        co_return nullptr;
    }

  private:
    std::string why_;
};

// One core's bindings, made anew when the service's descriptors have changed.
struct ReflectedState final : proxy::CoreState {
    GrpcSchemaPtr schema;
    GrpcMappingPtr mapping;
};

class Reflected final : public Mappings {
  public:
    Reflected(const GrpcConfig& config, proxy::PathPattern path, std::string rewrite, proxy::RoutePtr route,
              std::shared_ptr<GrpcReflection> source, proxy::StateSlot slot)
        : config_(config),
          path_(std::move(path)),
          rewrite_(std::move(rewrite)),
          route_(std::move(route)),
          source_(std::move(source)),
          slot_(slot) {}

    rt::Task<GrpcMappingPtr> get(RequestContext& context) const override {
        const base::TimePoint by = base::deadline_after(context.began, context.route->traffic.timeout);
        GrpcSchemaPtr schema = co_await source_->get(context, route_, {by, &context.exchange->cancel()});
        if (schema == nullptr) {
            context.refusal = {Cause::policy_unavailable,
                               fmt::format("{} does not say its descriptors: {}", route_->service, source_->why())};
            co_return nullptr;
        }
        auto& state = context.engine->states().get<ReflectedState>(slot_);
        if (state.schema != schema) {
            state.mapping = make(schema);
            state.schema = std::move(schema);
        }
        co_return state.mapping;
    }

  private:
    [[nodiscard]] GrpcMappingPtr make(GrpcSchemaPtr schema) const {
        std::vector<GrpcComplaint> wrong;
        auto mapping = GrpcMapping::make(std::move(schema), config_, path_, rewrite_, wrong);
        for (const GrpcComplaint& one : wrong)
            TL_LOG(warning, "grpc", "{} at {}: {}", route_->service, path_.text(), one.message);
        return mapping;
    }

    GrpcConfig config_;
    proxy::PathPattern path_;
    std::string rewrite_;
    proxy::RoutePtr route_;
    std::shared_ptr<GrpcReflection> source_;
    proxy::StateSlot slot_;
};

class GrpcFilter final : public proxy::Filter {
  public:
    GrpcFilter(std::unique_ptr<const Mappings> mappings, size_t most_body, size_t most)
        : mappings_(std::move(mappings)), most_body_(most_body), most_(most) {}

    std::string_view name() const override { return "grpc"; }
    size_t most_body() const override { return most_body_; }
    bool answers() const override { return true; }
    bool transforms() const override { return true; }

    Verdict on_request(RequestContext& context) const override {
        if (!context.grpc && context.web == nullptr) return Verdict::proceed;
        context.refusal = {Cause::unsupported, "this route takes JSON; a call of gRPC needs one without \"grpc\""};
        return Verdict::refuse;
    }

    rt::Task<Verdict> answer(RequestContext& context, std::string& body) const override {
        GrpcMappingPtr mapping = co_await mappings_->get(context);
        if (mapping == nullptr) co_return Verdict::refuse;
        co_return make_grpc_call(context, body, std::move(mapping)) ? Verdict::proceed : Verdict::refuse;
    }

    std::unique_ptr<proxy::BodyTransform> body_transform(RequestContext& context, uint16_t status,
                                                         codec::HeaderTable& headers) const override {
        if (context.transcoding == nullptr || context.record.has(telemetry::Record::kOwnReply)) return nullptr;
        const auto& call = static_cast<const GrpcCall&>(*context.transcoding);
        return make_grpc_answer(call, context, status, headers, most_);
    }

  private:
    std::unique_ptr<const Mappings> mappings_;
    size_t most_body_;
    size_t most_;
};

// Routes that ask the same service for the same services share what it says.
std::vector<std::string> asked_services(const GrpcConfig& config) {
    std::vector<std::string> names;
    for (const auto& one : config.services) names.push_back(one.value);
    if (config.method) names.push_back(config.method->value.substr(0, config.method->value.find('/')));
    std::ranges::sort(names);
    return names;
}

std::unique_ptr<const Mappings> make_mappings(const GrpcConfig& config, const std::string& service,
                                              const proxy::PathPattern& path, const std::string& rewrite,
                                              const PolicyContext& context) {
    if (config.reflects()) {
        const auto names = asked_services(config);
        const std::string key =
            fmt::format("grpc reflection {} {} {}", service, config.refresh.count(), fmt::join(names, ","));
        return std::make_unique<Reflected>(
            config, path, rewrite, context.target(service),
            context.home->keeper.keep<GrpcReflection>(key, names, config.refresh),
            context.home->slots.of(
                fmt::format("grpc {} {} {} {}", context.route, rewrite, key, grpc_schema().dump(config))));
    }
    auto schema = load_descriptors(config, context.home->folder);
    if (!schema) {
        TL_LOG(error, "grpc", "route {}: {}", context.route, schema.error());
        return std::make_unique<Unreadable>(schema.error());
    }
    std::vector<GrpcComplaint> wrong;
    return std::make_unique<OfFile>(GrpcMapping::make(std::move(*schema), config, path, rewrite, wrong));
}

}  // namespace

FilterPtr make_grpc_filter(const GrpcConfig& config, const std::string& service, const proxy::PathPattern& path,
                           const std::string& rewrite, const PolicyContext& context, size_t most_body) {
    return std::make_shared<GrpcFilter>(make_mappings(config, service, path, rewrite, context),
                                        std::min<size_t>(most_body, config.most), config.most);
}

}  // namespace tl::gateway
