#include "http/http2_limits.h"

namespace tl::http {

std::string_view to_string(Http2Abuse abuse) {
    switch (abuse) {
        case Http2Abuse::rapid_reset: return "rapid_reset";
        case Http2Abuse::settings: return "settings";
        case Http2Abuse::pings: return "pings";
        case Http2Abuse::empty_frames: return "empty_frames";
        case Http2Abuse::priorities: return "priorities";
        case Http2Abuse::window_updates: return "window_updates";
        case Http2Abuse::unknown_frames: return "unknown_frames";
        case Http2Abuse::continuations: return "continuations";
        case Http2Abuse::unread_answers: return "unread_answers";
    }
    return "";
}

std::string_view describe(Http2Abuse abuse) {
    switch (abuse) {
        case Http2Abuse::rapid_reset: return "it reset too many requests before their answers were complete";
        case Http2Abuse::settings: return "it sent too many SETTINGS frames";
        case Http2Abuse::pings: return "it sent too many PING frames";
        case Http2Abuse::empty_frames: return "it sent too many frames without content";
        case Http2Abuse::priorities: return "it sent too many PRIORITY frames";
        case Http2Abuse::window_updates: return "it sent too many WINDOW_UPDATE frames";
        case Http2Abuse::unknown_frames: return "it sent too many frames of unknown types";
        case Http2Abuse::continuations: return "it sent too many CONTINUATION frames for one set of headers";
        case Http2Abuse::unread_answers: return "it caused many acknowledgements and did not read them";
    }
    return "";
}

}  // namespace tl::http
