#include "gateway/portal/filter.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/openapi/write_yaml.h"
#include "gateway/portal/page.h"
#include "net/digest.h"

namespace tl::gateway {

using proxy::Cause;
using proxy::RequestContext;

namespace {

std::string digest_of(std::string_view text) {
    const net::Sha256 digest = net::sha256(text);
    return base::to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()}).substr(0, 32);
}

struct File {
    std::string_view name;                    // behind the portal's path
    std::shared_ptr<const std::string> text;  // as large as the documents are: answers share it
    std::string etag;
    std::vector<std::pair<std::string, std::string>> headers;
};

class PortalFilter final : public proxy::Filter {
  public:
    PortalFilter(const std::string& path, const nlohmann::ordered_json& document) {
        using Handler = nlohmann::ordered_json::error_handler_t;
        const std::string last = path.substr(path.rfind('/') + 1);
        Page page = make_page(document["info"].value("title", ""), last);
        folder_ = "../" + last;
        add("", "text/html; charset=utf-8", std::move(page.html));
        files_.back().headers.emplace_back("Content-Security-Policy", page.policy);
        add("/openapi.json", "application/json", document.dump(-1, ' ', false, Handler::replace) + "\n");
        add("/openapi.yaml", "application/yaml", write_yaml(document));
    }

    std::string_view name() const override { return "portal"; }

    Verdict on_request(RequestContext& context) const override {
        const codec::Method method = context.head().method;
        if (method != codec::Method::get && method != codec::Method::head) {
            context.refusal = {Cause::invalid_request, "the portal takes GET and HEAD", 405};
            context.refusal.headers = {{"Allow", "GET, HEAD"}};
            return Verdict::refuse;
        }
        if (context.match.rest == "/") return redirect(context);
        for (const File& file : files_) {
            if (file.name == context.match.rest) return give(context, file);
        }
        context.refusal = {Cause::no_route, "the portal has its page, openapi.json and openapi.yaml"};
        return Verdict::refuse;
    }

  private:
    void add(std::string_view name, const char* type, std::string text) {
        const std::string etag = "\"" + digest_of(text) + "\"";
        files_.push_back({.name = name,
                          .text = std::make_shared<const std::string>(std::move(text)),
                          .etag = etag,
                          .headers = {{"Content-Type", type},
                                      {"ETag", etag},
                                      {"Cache-Control", "private, no-cache"},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Referrer-Policy", "no-referrer"}}});
    }

    static Verdict give(RequestContext& context, const File& file) {
        auto reply = std::make_unique<proxy::OwnReply>();
        reply->headers = file.headers;
        const codec::Header* const known = context.head().headers.find("If-None-Match");
        const bool same = known != nullptr && has_tag(known->value, file.etag);
        reply->status = same ? 304 : 200;
        // The length of an answer to HEAD is that of the body which it has not.
        if (!same) reply->lasting = file.text;
        context.note("portal", same ? "not modified" : file.name.empty() ? "the page" : file.name.substr(1));
        context.reply = std::move(reply);
        return Verdict::reply;
    }

    // The page's references count on its path having no "/" at its end.
    Verdict redirect(RequestContext& context) const {
        context.reply = std::make_unique<proxy::OwnReply>();
        context.reply->status = 308;
        context.reply->headers = {{"Location", folder_}};
        return Verdict::reply;
    }

    std::vector<File> files_;
    std::string folder_;
};

}  // namespace

bool has_tag(std::string_view if_none_match, std::string_view etag) {
    if (base::trim(if_none_match) == "*") return true;
    for (std::string_view one : base::split(if_none_match, ',')) {
        one = base::trim(one);
        if (one.starts_with("W/")) one.remove_prefix(2);
        if (one == etag) return true;
    }
    return false;
}

FilterPtr make_portal_filter(const std::string& path, const nlohmann::ordered_json& document) {
    return std::make_shared<PortalFilter>(path, document);
}

}  // namespace tl::gateway
