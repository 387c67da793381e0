// Which version of HTTP a client speaks: what the two sides agreed on under TLS (ALPN), else what the connection begins
// with (prior knowledge, RFC 9113 3.3). HTTP/1 loses no time by it: its first byte that the preface has not decides.
#pragma once

#include "base/buffer.h"
#include "net/stream.h"

namespace tl::http {

enum class Version : uint8_t { none, http1, http2, foreign };

// `alpn` is "" where nothing was agreed. `none`: the bytes are the beginning of the preface, more must tell. `foreign`:
// a first line without a slash is not of any version, and an answer in HTTP/1 would mean nothing to who sent it.
[[nodiscard]] Version version_of(std::string_view alpn, std::string_view bytes);

// By `alpn` at once; else reads the first bytes into `early`, until they tell. `none` when the wait is over or the
// connection ended before it said anything; a request that came together with a cancel is still taken. After `none` and
// `foreign`: just close.
[[nodiscard]] rt::Task<Version> choose_version(net::Stream& stream, std::string_view alpn, base::Buffer& early,
                                               rt::Wait wait);

}  // namespace tl::http
