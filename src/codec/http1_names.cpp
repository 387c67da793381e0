// The words for methods, statuses and faults.
#include <array>

#include "codec/http1.h"

namespace tl::codec {

namespace {

struct Reason {
    size_t status;
    std::string_view phrase;
};
// The registered reason phrases (RFC 9110 15 and the IANA registry).
constexpr Reason kReasons[] = {{100, "Continue"},
                               {101, "Switching Protocols"},
                               {102, "Processing"},
                               {103, "Early Hints"},
                               {200, "OK"},
                               {201, "Created"},
                               {202, "Accepted"},
                               {203, "Non-Authoritative Information"},
                               {204, "No Content"},
                               {205, "Reset Content"},
                               {206, "Partial Content"},
                               {207, "Multi-Status"},
                               {208, "Already Reported"},
                               {226, "IM Used"},
                               {300, "Multiple Choices"},
                               {301, "Moved Permanently"},
                               {302, "Found"},
                               {303, "See Other"},
                               {304, "Not Modified"},
                               {305, "Use Proxy"},
                               {307, "Temporary Redirect"},
                               {308, "Permanent Redirect"},
                               {400, "Bad Request"},
                               {401, "Unauthorized"},
                               {402, "Payment Required"},
                               {403, "Forbidden"},
                               {404, "Not Found"},
                               {405, "Method Not Allowed"},
                               {406, "Not Acceptable"},
                               {407, "Proxy Authentication Required"},
                               {408, "Request Timeout"},
                               {409, "Conflict"},
                               {410, "Gone"},
                               {411, "Length Required"},
                               {412, "Precondition Failed"},
                               {413, "Content Too Large"},
                               {414, "URI Too Long"},
                               {415, "Unsupported Media Type"},
                               {416, "Range Not Satisfiable"},
                               {417, "Expectation Failed"},
                               {421, "Misdirected Request"},
                               {422, "Unprocessable Content"},
                               {423, "Locked"},
                               {424, "Failed Dependency"},
                               {425, "Too Early"},
                               {426, "Upgrade Required"},
                               {428, "Precondition Required"},
                               {429, "Too Many Requests"},
                               {431, "Request Header Fields Too Large"},
                               {451, "Unavailable For Legal Reasons"},
                               {500, "Internal Server Error"},
                               {501, "Not Implemented"},
                               {502, "Bad Gateway"},
                               {503, "Service Unavailable"},
                               {504, "Gateway Timeout"},
                               {505, "HTTP Version Not Supported"},
                               {506, "Variant Also Negotiates"},
                               {507, "Insufficient Storage"},
                               {508, "Loop Detected"},
                               {511, "Network Authentication Required"}};

consteval std::array<std::string_view, 500> make_reasons() {
    std::array<std::string_view, 500> reasons{};
    for (const Reason& reason : kReasons) reasons[reason.status - 100] = reason.phrase;
    return reasons;
}
// From status 100.
constexpr std::array<std::string_view, 500> kReasonByStatus = make_reasons();

}  // namespace

std::string_view describe(Http1Fault fault) {
    switch (fault) {
        case Http1Fault::none: return "nothing is wrong";
        case Http1Fault::bad_start_line: return "the first line is not a valid HTTP/1.1 request or status line";
        case Http1Fault::bad_method: return "the method is not a token of at most 32 characters";
        case Http1Fault::bad_target:
            return "the request target is not valid for this method (a path, an http or https URL, host:port "
                   "for "
                   "CONNECT, * for OPTIONS)";
        case Http1Fault::bad_version: return "the version is not HTTP/1.0 or HTTP/1.1";
        case Http1Fault::bare_cr: return "a carriage return stands without a line feed behind it";
        case Http1Fault::bare_lf: return "a line ends with a line feed alone instead of CRLF";
        case Http1Fault::obs_fold: return "the header line begins with white space (obs-fold)";
        case Http1Fault::space_before_colon: return "white space stands between a header's name and its colon";
        case Http1Fault::bad_header_name: return "a header's name is empty or has a character that is not allowed";
        case Http1Fault::bad_header_value: return "a header's value has a control character";
        case Http1Fault::missing_host: return "the Host header is missing";
        case Http1Fault::several_hosts: return "there is more than one Host header";
        case Http1Fault::bad_host: return "the Host header is not a host name or address with an optional port";
        case Http1Fault::length_and_encoding: return "Content-Length and Transfer-Encoding stand together";
        case Http1Fault::conflicting_lengths: return "there is more than one Content-Length header";
        case Http1Fault::bad_length: return "the Content-Length is not a decimal number below 2^63";
        case Http1Fault::bad_encoding:
            return "the Transfer-Encoding is not exactly \"chunked\", once, in an HTTP/1.1 message";
        case Http1Fault::bad_chunk_size:
            return "a chunk's size line is not a hexadecimal number below 2^63 with well-formed, short "
                   "extensions";
        case Http1Fault::bad_chunk_end: return "a chunk's data is not followed by CRLF";
        case Http1Fault::bad_trailer:
            return "a trailer is malformed, or is one that would frame, route or authenticate the message";
        case Http1Fault::bad_status: return "the status is not a number from 100 to 599";
        case Http1Fault::head_too_large: return "the head is larger than allowed";
        case Http1Fault::too_many_headers: return "there are more header lines than allowed";
        case Http1Fault::target_too_long: return "the request target is longer than allowed";
        case Http1Fault::trailers_too_large: return "the trailer section is larger than allowed";
    }
    return "unknown fault";
}

uint16_t status_for(Http1Fault fault) {
    switch (fault) {
        case Http1Fault::none: return 200;
        case Http1Fault::bad_version: return 505;
        case Http1Fault::target_too_long: return 414;
        case Http1Fault::head_too_large:
        case Http1Fault::too_many_headers:
        case Http1Fault::trailers_too_large: return 431;
        default: return 400;
    }
}

std::string_view to_string(Method method) {
    switch (method) {
        case Method::get: return "GET";
        case Method::head: return "HEAD";
        case Method::post: return "POST";
        case Method::put: return "PUT";
        case Method::delete_: return "DELETE";
        case Method::connect: return "CONNECT";
        case Method::options: return "OPTIONS";
        case Method::trace: return "TRACE";
        case Method::patch: return "PATCH";
        case Method::other: return "OTHER";
    }
    return "OTHER";
}

bool is_safe(Method method) {
    return method == Method::get || method == Method::head || method == Method::options || method == Method::trace;
}

bool is_idempotent(Method method) { return is_safe(method) || method == Method::put || method == Method::delete_; }

std::string_view reason_of(uint16_t status) {
    return status >= 100 && status < 600 ? kReasonByStatus[status - 100] : std::string_view{};
}

}  // namespace tl::codec
