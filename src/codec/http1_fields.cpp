// Field lines of heads and trailers: their syntax, and what framing and Connection fields mean.
#include <bit>
#include <cstring>

#include "base/text.h"
#include "codec/http1_parse.h"
#include "codec/scan.h"

namespace tl::codec {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// The slow and exact way to the colon: also finds out what is wrong if it is not there.
bool scan_name(Cursor& in) {
    const char* start = in.at;
    in.at = skip_class(kTokenChar, in.at, in.end);
    if (in.empty()) return false;
    if (*in.at == ':' && in.at != start) return true;
    if (!is_blank(*in.at)) return in.stop(Http1Fault::bad_header_name);
    if (in.at == start) return in.fail(Http1Fault::obs_fold);
    while (!in.empty() && is_blank(*in.at)) ++in.at;
    if (in.empty()) return false;
    return *in.at == ':' ? in.fail(Http1Fault::space_before_colon) : in.stop(Http1Fault::bad_header_name);
}

// Reads the name and leaves the cursor at the colon. A known name needs no check of its bytes.
bool parse_name(Cursor& in, Header& header) {
    const char* start = in.at;
    if (const char* colon = near_colon(start, in.end); colon != nullptr && colon != start) [[likely]] {
        header.name = {start, static_cast<size_t>(colon - start)};
        header.field = lookup_field(header.name);
        if (header.field != Field::other || skip_class(kTokenChar, start, colon) == colon) [[likely]] {
            in.at = colon;
            return true;
        }
    }
    if (!scan_name(in)) return false;
    header.name = {start, static_cast<size_t>(in.at - start)};
    header.field = lookup_field(header.name);
    return true;
}

// Reads what follows the colon, through the line end.
bool parse_value(Cursor& in, Header& header) {
    while (!in.empty() && is_blank(*in.at)) ++in.at;
    const char* start = in.at;
    const char* last = skip_value(start, in.end);
    in.at = last;
    if (!in.line_end(Http1Fault::bad_header_value)) return false;
    while (last != start && is_blank(last[-1])) --last;
    header.value = {start, static_cast<size_t>(last - start)};
    return true;
}

// Calls `visit` with each element of a comma-separated list.
template <class Visit>
void for_each_element(std::string_view list, Visit visit) {
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        visit(base::trim(list.substr(0, comma)));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
}

}  // namespace

bool Cursor::stop(Http1Fault otherwise) {
    if (empty()) return false;
    if (*at == '\n') return fail(Http1Fault::bare_lf);
    if (*at != '\r') return fail(otherwise);
    if (left() == 1) return false;
    return fail(at[1] == '\n' ? otherwise : Http1Fault::bare_cr);
}

bool Cursor::version(uint8_t& minor) {
    constexpr std::string_view kPrefix = "HTTP/1.";
    if (left() >= 8 && std::memcmp(at, kPrefix.data(), kPrefix.size()) == 0) [[likely]] {
        at += kPrefix.size();
    } else {
        for (size_t i = 0; i < kPrefix.size(); ++i, ++at) {
            if (empty()) return false;
            if (*at != kPrefix[i]) return stop(i < 5 ? Http1Fault::bad_start_line : Http1Fault::bad_version);
        }
        if (empty()) return false;
    }
    if (*at != '0' && *at != '1') return stop(Http1Fault::bad_version);
    minor = static_cast<uint8_t>(*at++ - '0');
    if (!empty() && is_digit(*at)) return fail(Http1Fault::bad_version);
    return true;
}

bool parse_fields(Cursor& in, uint32_t most, HeaderTable& headers, SeenFields& seen) {
    uint32_t count = 0;
    while (true) {
        if (in.empty()) return false;
        if (*in.at == '\r') return in.line_end(Http1Fault::bad_header_name);
        if (count++ == most) return in.fail(Http1Fault::too_many_headers);
        Header header;
        if (!parse_name(in, header)) return false;
        ++in.at;
        if (!parse_value(in, header)) return false;
        seen.add(header.field);
        headers.push(header);
    }
}

bool parse_length(std::string_view text, uint64_t& length) {
    if (text.empty() || text.size() > 19) return false;
    uint64_t value = 0;
    for (const char c : text) {
        if (!is_digit(c)) return false;
        value = value * 10 + static_cast<uint64_t>(c - '0');  // 19 digits fit in 64 bits
    }
    length = value;
    return value <= INT64_MAX;
}

BodyLength body_length(const HeaderTable& headers, const SeenFields& seen, uint8_t minor) {
    const bool has_length = seen.has(Field::content_length);
    if (seen.has(Field::transfer_encoding)) {
        const bool plain = !seen.repeated(Field::transfer_encoding) && minor == 1 &&
                           base::iequals(headers.value(Field::transfer_encoding), "chunked");
        if (!plain) return {.fault = Http1Fault::bad_encoding};
        if (has_length) return {.fault = Http1Fault::length_and_encoding};
        return {.framing = Framing::chunked};
    }
    if (!has_length) return {};
    if (seen.repeated(Field::content_length)) return {.fault = Http1Fault::conflicting_lengths};
    BodyLength body{.framing = Framing::length};
    if (!parse_length(headers.value(Field::content_length), body.length)) return {.fault = Http1Fault::bad_length};
    return body;
}

ConnectionOptions connection_options(const HeaderTable& headers, const SeenFields& seen, uint8_t minor) {
    if (!seen.has(Field::connection)) return {.keep_alive = minor == 1};
    bool close = false;
    bool keep = false;
    bool upgrade = false;
    for (const Header& header : headers) {
        if (header.field != Field::connection) continue;
        for_each_element(header.value, [&](std::string_view option) {
            close = close || base::iequals(option, "close");
            keep = keep || base::iequals(option, "keep-alive");
            upgrade = upgrade || base::iequals(option, "upgrade");
        });
    }
    // An HTTP/1.0 peer cannot upgrade (RFC 9110 7.8).
    return {.keep_alive = !close && (minor == 1 || keep), .upgrade = upgrade && minor == 1};
}

bool worth_parsing(std::string_view bytes, const Http1Limits& limits, uint32_t scanned) {
    const size_t size = bytes.size();
    if (scanned == 0 || scanned >= size || size > limits.head) return true;
    if (std::bit_width(size) != std::bit_width(size_t{scanned})) return true;
    size_t i = scanned;
    while (true) {
        const void* found = std::memchr(bytes.data() + i, '\n', size - i);
        if (found == nullptr) return false;
        i = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
        // An empty line, or a line end that is a fault.
        if (i < 3 || bytes[i - 1] != '\r' || bytes[i - 2] == '\n') return true;
        ++i;
    }
}

Parsed unfinished(const Cursor& in, std::string_view bytes, const Http1Limits& limits, uint32_t& scanned) {
    if (in.fault != Http1Fault::none) return {.state = ParseState::bad, .fault = in.fault};
    if (bytes.size() > limits.head) return {.state = ParseState::bad, .fault = Http1Fault::head_too_large};
    scanned = static_cast<uint32_t>(bytes.size());
    return {};
}

}  // namespace tl::codec
