// Any bytes as a Cookie line and as a request key: the cookie that is found is the first whole pair of that name, as a
// plain search has it, and a key that is read is written back as it was.
#include "base/text.h"
#include "fuzz_support.h"
#include "proxy/request_key.h"

namespace {

using namespace tl::proxy;
using tl::fuzz::require;

std::optional<std::string_view> plain_find(std::string_view line, std::string_view name) {
    for (const std::string_view part : tl::base::split(line, ';')) {
        const std::string_view pair = tl::base::trim(part);
        if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=' &&
            name.find('=') == std::string_view::npos) {
            return pair.substr(name.size() + 1);
        }
    }
    return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const size_t end = bytes.find('\n');
    const std::string_view name = bytes.substr(0, end);
    const std::string_view line = end == std::string_view::npos ? "" : bytes.substr(end + 1);
    tl::codec::HeaderTable headers;
    headers.add(tl::codec::Field::cookie, line);
    require(find_cookie(headers, name) == plain_find(line, name), "another cookie is found");
    const auto key = parse_request_key(name);
    if (key) {
        const auto again = parse_request_key(to_string(*key));
        require(again && *again == *key, "a key is not read back");
    }
    return 0;
}
