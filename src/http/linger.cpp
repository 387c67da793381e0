#include "http/linger.h"

#include "base/buffer.h"

namespace tl::http {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLongest = 5s;
constexpr base::Duration kSilence = 1s;

}  // namespace

rt::Task<void> linger(net::Stream& stream, rt::Cancel* hard) {
    stream.shutdown_write();
    base::Buffer in;
    const rt::Wait whole = rt::this_loop().within(kLongest, hard);
    for (;;) {
        const net::IoResult got = stream.try_read(in.writable());
        rt::Wake wake = rt::Wake::ready;
        if (got.status == net::IoStatus::again) {
            in.release();
            const rt::Wait step = whole.until(base::deadline_after(rt::this_loop().now(), kSilence));
            wake = co_await stream.readiness().wait_readable(step);
        } else if (got.status != net::IoStatus::ok) {
            co_return;
        }
        if (wake != rt::Wake::ready) co_return;
    }
}

}  // namespace tl::http
