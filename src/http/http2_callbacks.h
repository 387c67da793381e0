// The callbacks of nghttp2 and the options of a session. They
// translate: all decisions are Http2Connection's and its streams'.
#pragma once

#include <nghttp2/nghttp2.h>

#include "http/http2_limits.h"

namespace tl::http {

class Http2Connection;

// A new session; aborts when there is no memory.
[[nodiscard]] nghttp2_session* make_http2_session(bool server, Http2Connection* user, const Http2Limits& limits);

}  // namespace tl::http
