#include "gateway/policies/openapi.h"

#include <fmt/format.h>

#include "base/buffer.h"
#include "base/log.h"
#include "gateway/openapi/judge.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

using manifest::one_of;
using proxy::Cause;
using proxy::RequestContext;

namespace {

std::string path_of(const std::string& folder, const std::string& file) {
    return file.starts_with('/') ? file : folder + "/" + file;
}

std::optional<std::string> check_base(std::string_view base) {
    if (base.empty() || (base.starts_with('/') && !base.ends_with('/'))) return std::nullopt;
    return "must begin with \"/\" and not end with it";
}

// Watches an answer on its way; what is wrong with it goes into the record and the log.
class ResponseWatch final : public proxy::BodyTransform {
  public:
    ResponseWatch(RequestContext& context, const ApiBody& body, std::string type, size_t most, proxy::StateSlot slot)
        : context_(&context), body_(&body), type_(std::move(type)), most_(most), slot_(slot) {}

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        out += data;
        if (text_.size() + data.size() <= most_) {
            text_ += data;
            held_.set(text_.capacity());
        } else {
            too_long_ = true;
        }
        if (end && !too_long_) judge();
        return {};
    }

  private:
    void judge() {
        Violations violations;
        judge_body(*body_, type_, text_, context_->engine->states().get<JsonParser>(slot_), violations);
        if (violations.empty()) return;
        context_->note("openapi", "answer: " + violations.front());
        TL_LOG(warning, "gateway", "{}: an answer is not what its contract says: {} ({} in all)",
               context_->route->rule.name, violations.front(), violations.size());
    }

    RequestContext* context_;
    const ApiBody* body_;
    std::string type_;
    std::string text_;
    base::HeldBytes held_;
    size_t most_;
    proxy::StateSlot slot_;
    bool too_long_ = false;
};

class OpenApiFilter final : public proxy::Filter {
  public:
    OpenApiFilter(const OpenApiConfig& config, ApiDocumentPtr document, std::string trouble, proxy::StateSlot slot)
        : document_(std::move(document)),
          trouble_(std::move(trouble)),
          base_(config.base.value_or(document_ != nullptr ? document_->base() : "")),
          requests_(config.requests),
          responses_(config.responses),
          unknown_(config.unknown),
          most_(config.most),
          slot_(slot) {}

    std::string_view name() const override { return "openapi"; }
    size_t most_body() const override { return requests_ == ContractMode::off ? 0 : most_; }
    bool transforms() const override { return responses_ != ContractMode::off; }

    Verdict on_request(RequestContext& context) const override {
        if (document_ == nullptr) {
            context.refusal = {Cause::policy_unavailable, trouble_};
            return Verdict::refuse;
        }
        // With a body, everything is told together when that is there.
        const bool later = context.exchange->request_length().kind != http::BodyLength::Kind::none;
        if (requests_ == ContractMode::off || later) return Verdict::proceed;
        return judge(context, nullptr);
    }
    Verdict on_body(RequestContext& context, std::string& body) const override { return judge(context, &body); }

    std::unique_ptr<proxy::BodyTransform> body_transform(RequestContext& context, uint16_t status,
                                                         codec::HeaderTable& headers) const override {
        proxy::PathMatch match;
        const ApiOperation* const operation = find(context, match);
        const ApiBody* const body = operation == nullptr ? nullptr : operation->response(status);
        if (operation != nullptr && body == nullptr) {
            context.note("openapi", fmt::format("answer: status {} is not described", status));
        }
        if (body == nullptr || body->by_type.empty()) return nullptr;
        return std::make_unique<ResponseWatch>(context, *body, std::string{headers.value(codec::Field::content_type)},
                                               most_, slot_);
    }

  private:
    // nullptr: the document has no such operation.
    const ApiOperation* find(const RequestContext& context, proxy::PathMatch& match) const {
        std::string_view path = context.path;
        const bool below = path.starts_with(base_) && (path.size() == base_.size() || path[base_.size()] == '/');
        if (!below || document_ == nullptr) return nullptr;
        path.remove_prefix(base_.size());
        return document_->find(context.head(), path.empty() ? "/" : path, match);
    }

    Verdict judge(RequestContext& context, const std::string* body) const {
        proxy::PathMatch match;
        const ApiOperation* const operation = find(context, match);
        if (operation == nullptr) return unknown(context);
        auto& json = context.engine->states().get<JsonParser>(slot_);
        Violations violations;
        judge_parameters(*operation, match, context, json, violations);
        // Content-Length: 0 is how many clients say that there is none.
        const bool given = body != nullptr && !body->empty();
        if (given && operation->has_body) {
            judge_body(operation->body, context.head().headers.value(codec::Field::content_type), *body, json,
                       violations);
        }
        if (!given && operation->has_body && operation->body.required) violations.emplace_back("body: is required");
        if (violations.empty()) return Verdict::proceed;
        context.note("openapi", violations.front());
        if (requests_ == ContractMode::report) return Verdict::proceed;
        context.refusal = {Cause::invalid_request, fmt::format("the request is not what {} {} of the contract says",
                                                               operation->method, operation->path)};
        context.refusal.violations = std::move(violations);
        return Verdict::refuse;
    }

    Verdict unknown(RequestContext& context) const {
        if (unknown_) return Verdict::proceed;
        context.note("openapi", "not in the contract");
        if (requests_ == ContractMode::report) return Verdict::proceed;
        std::string_view path = context.path;
        const std::string methods = path.starts_with(base_) ? document_->methods_of(path.substr(base_.size())) : "";
        context.refusal = {Cause::invalid_request, "the contract has no such path", 404};
        if (!methods.empty()) {
            context.refusal = {Cause::invalid_request, fmt::format("the contract has {} there", methods), 405};
            context.refusal.headers = {{"Allow", methods}};
        }
        return Verdict::refuse;
    }

    ApiDocumentPtr document_;
    std::string trouble_;
    std::string base_;
    ContractMode requests_;
    ContractMode responses_;
    bool unknown_;
    size_t most_;
    proxy::StateSlot slot_;
};

}  // namespace

void OpenApiConfig::check(const PolicyCheck& check) const {
    const auto document = ApiDocument::load(path_of(check.folder, file.value));
    if (!document) {
        check.diagnostics.error(file.at, document.error().context, "give the file's path from the manifest's folder");
        return;
    }
    for (const std::string& remark : (*document)->remarks()) check.diagnostics.warning(file.at, "openapi: " + remark);
}

const manifest::Object<OpenApiConfig>& openapi_schema() {
    static const auto modes = one_of<ContractMode>(
        {{"off", ContractMode::off}, {"report", ContractMode::report}, {"enforce", ContractMode::enforce}});
    static const auto watches = one_of<ContractMode>({{"off", ContractMode::off}, {"report", ContractMode::report}});
    static const auto schema =
        manifest::Object<OpenApiConfig>("an openapi policy")
            .position(&OpenApiConfig::at)
            .field("file", &OpenApiConfig::file, manifest::text("a file"))
            .required()
            .doc("The OpenAPI document, 3.0 or 3.1, JSON or YAML.")
            .example("orders.openapi.yaml")
            .field("base", &OpenApiConfig::base, manifest::text("a path").allow_empty().check(check_base))
            .doc("What stands in front of the document's paths at the gateway.")
            .default_is("the path of its first server")
            .field("requests", &OpenApiConfig::requests, modes)
            .doc("enforce: what is not as the document says is answered 400; report: it is passed on and recorded.")
            .field("responses", &OpenApiConfig::responses, watches)
            .doc("report: answers are watched, and what is wrong is recorded and logged. They are never changed.")
            .field("unknown", &OpenApiConfig::unknown, manifest::boolean())
            .doc("Pass on what the document does not describe.")
            .field("most", &OpenApiConfig::most, manifest::size().range(1, 64 << 20))
            .doc("Bytes of a request's body (413 beyond it), and of an answer that is watched.");
    return schema;
}

FilterPtr make_openapi_filter(const OpenApiConfig& config, const PolicyContext& context) {
    auto document = ApiDocument::load(path_of(context.home->folder, config.file.value));
    // It was there when the manifest was checked; should it be gone since, nothing may pass unjudged.
    const std::string trouble = document ? std::string{} : document.error().context;
    return std::make_shared<OpenApiFilter>(config, document ? std::move(*document) : nullptr, trouble,
                                           context.home->slots.of("openapi"));
}

}  // namespace tl::gateway
