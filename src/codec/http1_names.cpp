// The words for methods, statuses and faults.
#include "codec/http1.h"

namespace tl::codec {

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
        case Http1Fault::bad_encoding: return 501;
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
    switch (status) {
        case 100: return "Continue";
        case 101: return "Switching Protocols";
        case 102: return "Processing";
        case 103: return "Early Hints";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 203: return "Non-Authoritative Information";
        case 204: return "No Content";
        case 205: return "Reset Content";
        case 206: return "Partial Content";
        case 207: return "Multi-Status";
        case 208: return "Already Reported";
        case 226: return "IM Used";
        case 300: return "Multiple Choices";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 305: return "Use Proxy";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 407: return "Proxy Authentication Required";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 411: return "Length Required";
        case 412: return "Precondition Failed";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 423: return "Locked";
        case 424: return "Failed Dependency";
        case 425: return "Too Early";
        case 426: return "Upgrade Required";
        case 428: return "Precondition Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 451: return "Unavailable For Legal Reasons";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        case 506: return "Variant Also Negotiates";
        case 507: return "Insufficient Storage";
        case 508: return "Loop Detected";
        case 511: return "Network Authentication Required";
        default: return "";
    }
}

}  // namespace tl::codec
