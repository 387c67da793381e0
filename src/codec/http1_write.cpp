// Writing heads and chunk heads. Each function asks the buffer for room once and then copies.
#include <array>
#include <charconv>
#include <cstring>

#include "codec/http1.h"

namespace tl::codec {

namespace {

// The first and the last N bytes of `text`, which may overlap: all of it, from N to 2 * N bytes.
template <size_t N>
void put_ends(char* at, std::string_view text) {
    std::memcpy(at, text.data(), N);
    std::memcpy(at + text.size() - N, text.data() + text.size() - N, N);
}

// Most names and values are short, and for those a call of memcpy costs more than the copy.
char* put(char* at, std::string_view text) {
    const size_t size = text.size();
    if (size > 32) {
        std::memcpy(at, text.data(), size);
    } else if (size >= 16) {
        put_ends<16>(at, text);
    } else if (size >= 8) {
        put_ends<8>(at, text);
    } else if (size >= 4) {
        put_ends<4>(at, text);
    } else if (size > 0) {  // an empty view may have no address, which memcpy must not see
        put_ends<1>(at, text);
        at[size / 2] = text[size / 2];
    }
    return at + size;
}

char* put_header(char* at, std::string_view name, std::string_view value) {
    at = put(at, name);
    at = put(at, ": ");
    at = put(at, value);
    return put(at, "\r\n");
}

size_t header_size(std::string_view name, std::string_view value) { return name.size() + value.size() + 4; }

void commit(base::Buffer& out, const char* start, const char* end) { out.commit(static_cast<size_t>(end - start)); }

}  // namespace

void write_request_line(base::Buffer& out, std::string_view method, std::string_view target) {
    constexpr std::string_view kRest = " HTTP/1.1\r\n";
    char* start = out.writable(method.size() + 1 + target.size() + kRest.size()).data();
    char* at = put(start, method);
    *at++ = ' ';
    at = put(at, target);
    commit(out, start, put(at, kRest));
}

void write_status_line(base::Buffer& out, uint16_t status, std::string_view reason) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    char* start = out.writable(kVersion.size() + 6 + reason.size()).data();
    char* at = put(start, kVersion);
    *at++ = static_cast<char>('0' + status / 100 % 10);
    *at++ = static_cast<char>('0' + status / 10 % 10);
    *at++ = static_cast<char>('0' + status % 10);
    *at++ = ' ';
    at = put(at, reason);
    commit(out, start, put(at, "\r\n"));
}

void write_header(base::Buffer& out, std::string_view name, std::string_view value) {
    char* start = out.writable(header_size(name, value)).data();
    commit(out, start, put_header(start, name, value));
}

void write_headers(base::Buffer& out, const HeaderTable& headers) {
    size_t size = 0;
    for (const Header& header : headers) size += header_size(header.name, header.value);
    if (size == 0) return;
    char* start = out.writable(size).data();
    char* at = start;
    for (const Header& header : headers) at = put_header(at, header.name, header.value);
    commit(out, start, at);
}

void write_number_header(base::Buffer& out, std::string_view name, uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    write_header(out, name, {digits.data(), static_cast<size_t>(end - digits.data())});
}

void write_end_of_head(base::Buffer& out) { out.append("\r\n"); }

void write_chunk_head(base::Buffer& out, uint64_t size) {
    std::array<char, 18> line;
    char* end = std::to_chars(line.data(), line.data() + 16, size, 16).ptr;
    out.append({line.data(), static_cast<size_t>(put(end, "\r\n") - line.data())});
}

}  // namespace tl::codec
