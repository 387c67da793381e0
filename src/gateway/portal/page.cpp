#include "gateway/portal/page.h"

#include <fmt/format.h>

#include <string_view>

#include "codec/base64.h"
#include "net/digest.h"

namespace tl::gateway {

namespace {

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
// clang-format off
constexpr char kHtml[] = {
#embed "page.html"
};
constexpr char kStyle[] = {
#embed "page.css"
};
constexpr char kScript[] = {
#embed "page.js"
    ,
#embed "page_try.js"
};
// clang-format on
#pragma clang diagnostic pop

constexpr std::string_view text_of(const auto& bytes) { return {bytes, sizeof bytes}; }

std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            default: out += c;
        }
    }
    return out;
}

// CSP 3, 2.3.1: a source that is the hash of what stands in an element.
std::string hash_source(std::string_view text) {
    const net::Sha256 digest = net::sha256(text);
    std::string text64;
    codec::append_base64(text64, {reinterpret_cast<const char*>(digest.data()), digest.size()});
    return fmt::format("'sha256-{}'", text64);
}

}  // namespace

Page make_page(const std::string& title, const std::string& folder) {
    Page page;
    // What stands between "{{" and "}}" is filled in once; what is put in is not looked at again.
    std::string_view rest = text_of(kHtml);
    for (size_t at = rest.find("{{"); at != std::string_view::npos; at = rest.find("{{")) {
        page.html += rest.substr(0, at);
        const size_t end = rest.find("}}", at);
        const std::string_view name = rest.substr(at + 2, end - at - 2);
        if (name == "title") page.html += escape(title);
        if (name == "folder") page.html += escape(folder);
        if (name == "style") page.html += text_of(kStyle);
        if (name == "script") page.html += text_of(kScript);
        rest.remove_prefix(end + 2);
    }
    page.html += rest;
    page.policy = fmt::format(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; "
        "frame-ancestors 'none'",
        hash_source(text_of(kScript)), hash_source(text_of(kStyle)));
    return page;
}

}  // namespace tl::gateway
