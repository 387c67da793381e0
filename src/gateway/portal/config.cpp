#include "gateway/portal/config.h"

#include "codec/http1.h"
#include "proxy/path.h"

namespace tl::gateway {

namespace {

std::optional<std::string> check_path(std::string_view path) {
    const auto pattern = proxy::PathPattern::parse(path);
    bool plain = pattern && path.size() > 1 && !path.ends_with('/');
    for (size_t i = 0; plain && i < pattern->segments().size(); ++i) {
        plain = pattern->segments()[i].kind == proxy::Segment::Kind::literal;
    }
    if (plain) return std::nullopt;
    return "must be a path such as /docs, without parameters and \"/\" at its end";
}

std::optional<std::string> check_host(std::string_view host) {
    if (!host.empty() && host.find(':') == std::string_view::npos && codec::is_valid_authority(host))
        return std::nullopt;
    return "is no host name; write one such as api.example";
}

}  // namespace

const manifest::Object<PortalConfig>& portal_schema() {
    static const auto schema =
        manifest::Object<PortalConfig>("the portal")
            .position(&PortalConfig::at)
            .field("path", &PortalConfig::path, manifest::text("a path such as /docs").check(check_path))
            .required()
            .doc("Where its page is. The merged document is below it: openapi.json and openapi.yaml.")
            .example("/docs")
            .field("host", &PortalConfig::host, manifest::text("a host name").check(check_host))
            .doc("Only for this host.")
            .default_is("every host")
            .field("title", &PortalConfig::title, manifest::text("a title").at_most(200))
            .doc("What the API is called.")
            .default_is("the system's name")
            .field("description", &PortalConfig::description, manifest::text("a description").at_most(16384))
            .doc("What stands on the first page; Markdown.")
            .default_is("none")
            .field("version", &PortalConfig::version, manifest::text("a version").any_scalar().at_most(100))
            .doc("Of the API, in the merged document.")
            .field("policies", &PortalConfig::policies, policies_schema())
            .doc("Who may see it, and how often. Those of the gateway hold, but for `openapi`.");
    return schema;
}

}  // namespace tl::gateway
