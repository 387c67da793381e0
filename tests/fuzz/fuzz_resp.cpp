// Any bytes as replies of Redis: how they are cut changes nothing, and what is read is bounded.
#include "codec/resp.h"
#include "fuzz_support.h"

namespace {

using namespace tl::codec;
using tl::fuzz::require;

size_t count(const RespReply& reply) {
    size_t all = 1;
    for (const RespReply& item : reply.items) all += count(item);
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const RespParsed all = parse_resp(bytes);
    require(all.consumed <= size, "more is consumed than there is");
    require(count(all.reply) <= size + 1, "more is read than was sent");
    if (all.state == RespState::complete) {
        require(all.consumed > 0, "a reply of nothing");
        require(parse_resp(bytes.substr(0, all.consumed)).reply == all.reply, "another reply without what follows");
        for (size_t cut = 0; cut < all.consumed; ++cut) {
            require(parse_resp(bytes.substr(0, cut)).state == RespState::need_more, "a part of a reply is not one");
        }
    } else if (all.state == RespState::need_more) {
        require(all.consumed == 0, "something is consumed of a part");
    }
    return 0;
}
