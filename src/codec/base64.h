// Base64 (RFC 4648 4) in pieces: bytes to text, and text to bytes where the text arrives cut anywhere and may be made
// of several padded stretches, as gRPC-Web allows. Pure; one core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tl::codec {

// Appends `bytes` as text, padded: what follows starts a stretch of its own.
void append_base64(std::string& to, std::string_view bytes);

// Strict: no white space, no other alphabet, no bits behind the end that are not 0. Give it each byte once.
class Base64Decoder {
  public:
    // Appends what `text` decodes to; at most 3 bytes for 4, and 2 more. False: it is no base64, now and for ever.
    [[nodiscard]] bool decode(std::string_view text, std::string& to);
    // No digits wait for others: the text may end here.
    [[nodiscard]] bool complete() const { return digits_ == 0 && !bad_; }

  private:
    [[nodiscard]] bool take(char c, std::string& to);
    [[nodiscard]] bool take_padding(std::string& to);

    uint32_t group_ = 0;
    uint8_t digits_ = 0;   // of the group, padding included
    uint8_t padding_ = 0;  // of those
    bool bad_ = false;
};

}  // namespace tl::codec
