#include "gateway/policies/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/buffer.h"
#include "base/text.h"
#include "gateway/policies/headers.h"
#include "gateway/policies/json_changes.h"

namespace tl::gateway {

using codec::Field;
using codec::HeaderTable;
using manifest::list_of;
using manifest::map_of;
using manifest::text;
using proxy::RequestContext;

namespace {

std::optional<DocumentForm> form_of(const HeaderTable& headers) {
    const std::string_view value = headers.value(Field::content_type);
    const std::string type = base::lower(base::trim(value.substr(0, value.find(';'))));
    if (type == "application/json" || type.ends_with("+json")) return DocumentForm::json;
    if (type == "application/xml" || type == "text/xml" || type.ends_with("+xml")) return DocumentForm::xml;
    if (type == "application/x-www-form-urlencoded") return DocumentForm::form;
    return std::nullopt;
}

base::Result<Document> read(DocumentForm form, std::string_view body) {
    switch (form) {
        case DocumentForm::json: return read_json(body);
        case DocumentForm::xml: return read_xml(body);
        case DocumentForm::form: return read_form(body);
    }
    return base::fail(base::Code::internal, "no such form");
}

// What these changes are for: JSON, and what is to be made JSON.
std::optional<DocumentForm> wanted_form(const JsonChanges& changes, const HeaderTable& headers) {
    const auto form = form_of(headers);
    if (!form) return std::nullopt;
    const bool takes = *form == DocumentForm::json || std::ranges::find(changes.from, *form) != changes.from.end();
    return takes ? form : std::nullopt;
}

base::Result<std::string> change(const JsonChanges& changes, RequestContext& context, DocumentForm form,
                                 std::string_view body) {
    auto document = read(form, body);
    if (!document) return base::fail(document.error());
    apply_changes(changes, context, *document);
    if (changes.to == DocumentForm::xml) return write_xml(*document, changes.root);
    return write_json(*document);
}

std::string_view type_of(DocumentForm form) {
    return form == DocumentForm::xml ? "application/xml; charset=utf-8" : "application/json";
}

// Holds the answer until it is whole: its length and whether it can be changed at all are known then.
class AnswerChange final : public proxy::BodyTransform {
  public:
    AnswerChange(const JsonChanges& changes, RequestContext& context, DocumentForm form, uint64_t most)
        : changes_(&changes), context_(&context), form_(form), most_(most) {}
    // One that cannot be read, and so must not go on.
    void refuse() { readable_ = false; }

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        if (!readable_)
            return base::fail(base::Code::invalid, "the answer is coded or a part, though nobody asked for that");
        if (body_.size() + data.size() > most_)
            return base::fail(base::Code::too_large, "the answer is larger than its json policy takes");
        body_ += data;
        held_.set(body_.capacity());
        if (!end) return {};
        auto changed = change(*changes_, *context_, form_, body_);
        if (!changed) return base::fail(changed.error());
        out += *changed;
        return {};
    }
    bool holds_head() const override { return true; }

  private:
    const JsonChanges* changes_;  // the filter's, which the route keeps
    RequestContext* context_;
    DocumentForm form_;
    uint64_t most_;
    bool readable_ = true;
    std::string body_;
    base::HeldBytes held_;
};

class JsonFilter final : public proxy::Filter {
  public:
    explicit JsonFilter(const JsonConfig& config) : config_(config) {}

    std::string_view name() const override { return "json"; }

    size_t most_body() const override { return config_.request.any() ? config_.most : 0; }

    Verdict on_request(RequestContext& context) const override {
        if (config_.response.any()) ask_for_readable_answer(context);
        return Verdict::proceed;
    }

    Verdict on_body(RequestContext& context, std::string& body) const override {
        HeaderTable& headers = context.head().headers;
        if (!config_.request.any()) return Verdict::proceed;
        // Nobody gets past the policy by coding what the service decodes; and decoding is what zip bombs wait for.
        if (!body.empty() && is_coded(headers)) {
            context.refusal = {proxy::Cause::invalid_request, "this route takes bodies without a Content-Encoding only",
                               415};
            context.refusal.headers = {{"Accept-Encoding", "identity"}};
            return Verdict::refuse;
        }
        const auto form = wanted_form(config_.request, headers);
        if (!form) return Verdict::proceed;
        auto changed = change(config_.request, context, *form, body);
        if (!changed) {
            context.refusal = {proxy::Cause::invalid_request, changed.error().message()};
            return Verdict::refuse;
        }
        body = std::move(*changed);
        if (*form != config_.request.to) headers.set(Field::content_type, type_of(config_.request.to));
        remove_digests(headers);
        return Verdict::proceed;
    }

    bool transforms() const override { return config_.response.any(); }
    std::unique_ptr<proxy::BodyTransform> body_transform(RequestContext& context, uint16_t status,
                                                         HeaderTable& headers) const override {
        if (!transforms() || context.record.has(telemetry::Record::kOwnReply)) return nullptr;
        const auto form = wanted_form(config_.response, headers);
        if (!form) return nullptr;
        if (!is_readable(status, headers)) {
            auto change = std::make_unique<AnswerChange>(config_.response, context, *form, config_.most);
            change->refuse();
            return change;
        }
        if (*form != config_.response.to) headers.set(Field::content_type, type_of(config_.response.to));
        headers.remove("ETag");  // it names other bytes
        return std::make_unique<AnswerChange>(config_.response, context, *form, config_.most);
    }

  private:
    JsonConfig config_;
};

std::optional<std::string> check_path(std::string_view path) {
    if (!path.empty() && path.front() != '.' && path.back() != '.' && !path.contains("..") &&
        static_cast<size_t>(std::ranges::count(path, '.')) < kMostDepth)
        return std::nullopt;
    return "must be names with dots, such as user.address.city";
}

void check_any(const JsonConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (config.request.any() || config.response.any()) return;
    diagnostics.error(at, "a json policy needs \"request\" or \"response\"",
                      "say what to change: json: { response: { drop: [password] } }");
}

template <class Forms>
manifest::Object<JsonChanges> changes_schema(std::string title, const Forms& from) {
    const auto path = [] { return text("a path such as user.name").check(check_path); };
    const auto value =
        manifest::custom<Template>("a value such as \"{identity.subject}\"", &Template::parse, &Template::text_of);
    return manifest::Object<JsonChanges>(std::move(title))
        .field("from", &JsonChanges::from, list_of(from).unique().or_single())
        .doc("Forms that are made JSON first; JSON itself is always taken.")
        .field("unwrap", &JsonChanges::unwrap, text("a member's name"))
        .doc("The document becomes what this member of it holds.")
        .default_is("not")
        .field("pick", &JsonChanges::pick, list_of(path()).at_most(1000).or_single())
        .doc("Paths that stay; everything else goes.")
        .default_is("all")
        .field("drop", &JsonChanges::drop, list_of(path()).at_most(1000).or_single())
        .doc("Paths that go.")
        .field("rename", &JsonChanges::rename, map_of(text("a member's name")).names(path()).at_most(1000))
        .doc("A path to the new name of its last member.")
        .field("set", &JsonChanges::set, map_of(value).names(path()).at_most(1000))
        .doc("A path to the text that it becomes.")
        .field("wrap", &JsonChanges::wrap, text("a member's name"))
        .doc("The document becomes this member of a new one.")
        .default_is("not")
        .field("to", &JsonChanges::to,
               manifest::one_of<DocumentForm>({{"json", DocumentForm::json}, {"xml", DocumentForm::xml}}))
        .doc("The form in which it goes on.")
        .field("root", &JsonChanges::root, text("an element's name"))
        .doc("The element around XML that has no single root.");
}

}  // namespace

const manifest::Object<JsonConfig>& json_policy_schema() {
    static const auto request =
        changes_schema("changes of a request's document",
                       manifest::one_of<DocumentForm>({{"form", DocumentForm::form}, {"xml", DocumentForm::xml}}));
    static const auto response =
        changes_schema("changes of an answer's document", manifest::one_of<DocumentForm>({{"xml", DocumentForm::xml}}));
    static const auto schema = manifest::Object<JsonConfig>("a json policy")
                                   .position(&JsonConfig::at)
                                   .field("request", &JsonConfig::request, request)
                                   .doc("On the way to the service.")
                                   .field("response", &JsonConfig::response, response)
                                   .doc("On the way to the client.")
                                   .field("most", &JsonConfig::most, manifest::size().range(1024, 64 << 20))
                                   .doc("Bytes of a document, which is held whole.")
                                   .validate(check_any);
    return schema;
}

FilterPtr make_json_filter(const JsonConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<JsonFilter>(config);
}

}  // namespace tl::gateway
