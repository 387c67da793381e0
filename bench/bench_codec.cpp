// What the HTTP/1 codec costs: parsing a browser's request and a backend's response, writing the head that
// goes to the backend, and decoding a chunked body. Prints the best of several rounds in nanoseconds a
// message: noise only adds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "codec/http1.h"

namespace {

using namespace tl::codec;

constexpr int kRounds = 15;
constexpr int kTimes = 200'000;

const std::string kRequest =
    "GET /api/orders/4711/items?page=2&sort=created HTTP/1.1\r\n"
    "Host: shop.example.com:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: http://shop.example.com:8080/orders\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef; theme=dark\r\n"
    "\r\n";

const std::string kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Fri, 20 Nov 2026 13:35:26 GMT\r\n"
    "Content-Type: application/octet-stream\r\n"
    "Content-Length: 64\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

// Keeps the compiler from dropping or merging repetitions.
void touch(const void* what) { asm volatile("" : : "r"(what) : "memory"); }

template <class Work>
void measure(const char* name, size_t bytes, Work work) {
    double best = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < kTimes; ++i) work();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / kTimes);
    }
    std::printf("%-28s %4zu bytes  %7.1f ns  %6.2f GB/s\n", name, bytes, best, static_cast<double>(bytes) / best);
}

template <class Parse>
void must(Parse parse) {
    if (parse() != ParseState::complete) std::printf("not accepted: the figures mean nothing\n");
}

}  // namespace

int main() {
    const Http1Limits limits;
    RequestHead request;
    const auto parse_request = [&] {
        uint32_t scanned = 0;
        const auto state = request.parse(kRequest, limits, scanned).state;
        touch(&request);
        return state;
    };
    must(parse_request);
    measure("parse request, 8 headers", kRequest.size(), parse_request);

    ResponseHead response;
    const auto parse_response = [&] {
        uint32_t scanned = 0;
        const auto state = response.parse(kResponse, limits, Method::get, scanned).state;
        touch(&response);
        return state;
    };
    must(parse_response);
    measure("parse response, 5 headers", kResponse.size(), parse_response);

    tl::base::Buffer out;
    measure("write request, 8 headers", kRequest.size(), [&] {
        out.clear();
        write_request_line(out, request.method_text, request.target);
        write_headers(out, request.headers);
        write_end_of_head(out);
        touch(out.data());
    });

    const std::string chunked = "400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n";
    measure("decode one chunk of 1 KiB", chunked.size(), [&] {
        ChunkedDecoder decoder(limits);
        std::string_view rest = chunked;
        while (true) {
            const auto step = decoder.next(rest);
            touch(step.data.data());
            rest.remove_prefix(step.consumed);
            if (step.state != ChunkedDecoder::State::data) break;
        }
    });
    return 0;
}
