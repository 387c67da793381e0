// Any bytes as the cookies of a login: what is read was written in pieces that make it, what is taken out is gone, and
// nobody else's cookie goes with it. The same bytes as what a cookie says once it is opened, as a page to return to,
// and as an issuer's documents.
#include "base/text.h"
#include "fuzz_support.h"
#include "gateway/auth/login_cookies.h"
#include "gateway/auth/login_issuer.h"
#include "gateway/auth/login_session.h"
#include "net/sealed.h"
#include "proxy/request_key.h"

namespace {

using namespace tl::gateway;
using tl::fuzz::require;

void check_cookies(std::string_view line) {
    const LoginCookies cookies{"s", false};
    tl::codec::HeaderTable headers;
    headers.add(tl::codec::Field::cookie, line);
    const auto text = cookies.read_session(headers);
    if (text && !text->empty()) {
        require(cookies.has_session(headers), "a session is read that is not there");
        const auto set = cookies.write_session(*text, std::chrono::hours{1}, {});
        require(!set.empty(), "what was read cannot be written");
        std::string again;
        for (const std::string& one : set) again += one.substr(0, one.find("; Path=")) + "; ";
        if (text->find(';') == std::string::npos && tl::base::trim(*text) == *text) {
            tl::codec::HeaderTable sent;
            sent.add(tl::codec::Field::cookie, again);
            const auto back = cookies.read_session(sent);
            const bool spaces = text->find_first_of(" \t") != std::string::npos;  // at a piece's end they are cut
            require(spaces || back == text, "a session is read back differently");
        }
    }
    const auto theirs = tl::proxy::find_cookie(headers, "theirs");
    const std::string before{theirs.value_or("")};
    tl::base::Arena arena;
    cookies.strip(headers, arena);
    require(!cookies.has_session(headers) && !cookies.read_attempt(headers, "x"), "a cookie of ours is left");
    const auto after = tl::proxy::find_cookie(headers, "theirs");
    require(theirs.has_value() == after.has_value() && before == after.value_or(""), "a cookie of theirs is changed");
}

void check_texts(std::string_view bytes) {
    if (const auto session = read_session(bytes)) {
        require(read_session(write_session(*session)) == session, "a session is read back differently");
    }
    if (const auto attempt = read_attempt(bytes)) {
        require(is_local_target(attempt->return_to), "an attempt leads elsewhere");
        require(read_attempt(write_attempt(*attempt)) == attempt, "an attempt is read back differently");
    }
    if (is_local_target(bytes)) {
        require(bytes.front() == '/' && !bytes.starts_with("//") && bytes.find_first_of("\\\r\n") == bytes.npos,
                "a foreign target is local");
    }
    if (const auto found = parse_endpoints(bytes, "https://i")) {
        require(parse_key_url(found->token) && parse_key_url(found->authorization), "an endpoint is no URL");
    }
    const TokenAnswer answer = parse_token_answer(200, bytes);
    require(answer.kind == TokenAnswer::Kind::granted || !answer.why.empty(), "refused without a word");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_cookies(bytes);
    check_texts(bytes);
    static const auto kSealer = *tl::net::Sealer::make(std::string(32, 'k'), "fuzz");
    require(!kSealer.open(bytes), "what nobody has sealed is opened");
    require(kSealer.open(kSealer.seal(bytes)) == bytes, "what was sealed is lost");
    return 0;
}
