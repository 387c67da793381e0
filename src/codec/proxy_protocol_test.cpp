// Headers of the PROXY protocol: those of the specification, every cut of them, and what is none.
#include "codec/proxy_protocol.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

namespace tl::codec {
namespace {

using State = ProxyHeader::State;

std::string text_of(const ProxyHeader& header) {
    if (header.family == 0) return "local";
    char text[INET6_ADDRSTRLEN];
    inet_ntop(header.family == 4 ? AF_INET : AF_INET6, header.source.data(), text, sizeof text);
    return std::string{text} + " " + std::to_string(header.port);
}

std::string binary(uint8_t command, uint8_t family, const std::string& rest) {
    std::string out{"\r\n\r\n\0\r\nQUIT\n", 12};
    out += static_cast<char>(command);
    out += static_cast<char>(family);
    out += static_cast<char>(rest.size() >> 8U);
    out += static_cast<char>(rest.size() & 0xffU);
    return out + rest;
}

const std::string kV4{"\xcb\x00\x71\x09\x0a\x00\x00\x01\x9c\x40\x01\xbb", 12};  // 203.0.113.9:40000 to 10.0.0.1:443
const std::string kV6 = std::string{"\x20\x01\x0d\xb8", 4} + std::string(11, '\0') + "\x07" + std::string(16, '\1') +
                        std::string{"\x9c\x40\x01\xbb", 4};

struct Good {
    std::string bytes;
    std::string says;
};
const std::vector<Good> kGood{
    {"PROXY TCP4 203.0.113.9 10.0.0.1 40000 443\r\n", "203.0.113.9 40000"},
    {"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n", "2001:db8::7 40000"},
    {"PROXY UNKNOWN\r\n", "local"},
    {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "local"},
    {binary(0x21, 0x11, kV4), "203.0.113.9 40000"},
    {binary(0x21, 0x21, kV6), "2001:db8::7 40000"},
    {binary(0x21, 0x11, kV4 + std::string{"\x04\x00\x01\x00", 4}), "203.0.113.9 40000"},  // with an extension
    {binary(0x20, 0x00, ""), "local"},
    {binary(0x20, 0x11, kV4), "local"},
    {binary(0x21, 0x31, std::string(216, 'x')), "local"},
};

TEST(ProxyProtocol, reads_both_versions_and_takes_nothing_of_what_follows) {
    for (const Good& good : kGood) {
        const ProxyHeader header = ProxyHeader::parse(good.bytes + "GET / HTTP/1.1\r\n");
        EXPECT_EQ(header.state, State::complete) << good.bytes;
        EXPECT_EQ(header.consumed, good.bytes.size());
        EXPECT_EQ(text_of(header), good.says);
    }
}

TEST(ProxyProtocol, waits_for_the_rest_at_every_cut) {
    for (const Good& good : kGood) {
        for (size_t size = 0; size < good.bytes.size(); ++size)
            EXPECT_EQ(ProxyHeader::parse(good.bytes.substr(0, size)).state, State::need_more) << good.bytes << size;
    }
}

TEST(ProxyProtocol, tells_another_protocol_from_a_broken_header) {
    for (const std::string& other :
         {std::string{"GET / HTTP/1.1\r\n"}, std::string{"\x16\x03\x01\x02"}, std::string{"PRI * HTTP/2.0"},
          std::string{"\r\nGET"}, std::string{"proxy TCP4"}, std::string{"PROXYTCP4 "}})
        EXPECT_EQ(ProxyHeader::parse(other).state, State::none) << other;
}

TEST(ProxyProtocol, refuses_what_is_not_exactly_a_header) {
    for (const std::string& bad : {
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 40000\r\n"},
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 40000 443 \r\n"},
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 40000 443 1\r\n"},
             std::string{"PROXY TCP4  203.0.113.9 10.0.0.1 40000 443\r\n"},
             std::string{"PROXY TCP4 203.0.113.009 10.0.0.1 40000 443\r\n"},
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 040000 443\r\n"},
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n"},
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 -1 443\r\n"},
             std::string{"PROXY TCP4 2001:db8::7 10.0.0.1 40000 443\r\n"},
             std::string{"PROXY TCP6 203.0.113.9 10.0.0.1 40000 443\r\n"},
             std::string{"PROXY UDP4 203.0.113.9 10.0.0.1 40000 443\r\n"},
             std::string{"PROXY TCP4 203.0.113.9 10.0.0.1 40000 443\n"} + std::string(80, 'x'),
             "PROXY UNKNOWN " + std::string(100, 'x') + "\r\n",
             binary(0x11, 0x11, kV4),
             binary(0x22, 0x11, kV4),
             binary(0x21, 0x12, kV4),
             binary(0x21, 0x11, kV4.substr(1)),
             binary(0x21, 0x21, kV4),
             binary(0x21, 0x11, kV4 + std::string(3000, 'x')),
         })
        EXPECT_EQ(ProxyHeader::parse(bad).state, State::bad) << bad;
}

}  // namespace
}  // namespace tl::codec
