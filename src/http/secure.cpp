#include "http/secure.h"

#include <array>

#include "rt/loop.h"

namespace tl::http {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kPartingTime = 1s;
constexpr size_t kMostThrown = 64 * 1024;

constexpr std::string_view kPlainAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nConnection: close\r\n"
    "Content-Length: 66\r\n\r\nThis port speaks HTTPS. Ask for https:// instead of http:// here.\n";

// A close with bytes unread resets the connection, and the last word to the client could be lost with it: so a short
// while, and little, is thrown away.
rt::Task<void> part(std::unique_ptr<net::Stream> stream, rt::Cancel* cancel) {
    stream->shutdown_write();
    const rt::Wait wait = rt::this_loop().within(kPartingTime, cancel);
    std::array<char, 4096> thrown;
    for (size_t all = 0; all < kMostThrown;) {
        const auto got = co_await stream->read_some(thrown, wait);
        if (!got || *got == 0) co_return;
        all += *got;
    }
}

}  // namespace

rt::Task<std::unique_ptr<net::Stream>> secure(net::TlsAcceptor& acceptor, std::unique_ptr<net::Stream> stream,
                                              rt::Cancel* cancel) {
    auto accepted = co_await acceptor.accept(std::move(stream), cancel);
    if (accepted.stream != nullptr) co_return std::move(accepted.stream);
    if (accepted.plain != nullptr) {
        const rt::Wait wait = rt::this_loop().within(kPartingTime, cancel);
        [[maybe_unused]] const auto told = co_await accepted.plain->write_all(kPlainAnswer, wait);
        co_await part(std::move(accepted.plain), cancel);
    }
    const bool alerted = accepted.refused != nullptr && accepted.error.code != base::Code::cancelled &&
                         accepted.error.code != base::Code::timeout && accepted.error.code != base::Code::reset;
    if (alerted) co_await part(std::move(accepted.refused), cancel);
    co_return nullptr;
}

}  // namespace tl::http
