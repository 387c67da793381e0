// The fields of a message on their way out, as nghttp2 takes them. The views must hold until the submit call has
// returned: nghttp2 copies, and brings names to lower case. Never on the heap for an ordinary message.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <charconv>
#include <string_view>
#include <vector>

#include "codec/headers.h"
#include "http/message.h"

namespace tl::http {

class Http2Fields {
  public:
    void add(std::string_view name, std::string_view value) {
        const nghttp2_nv field{reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                               reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                               NGHTTP2_NV_FLAG_NONE};
        if (size_ < inline_.size()) {
            inline_[size_] = field;
        } else {
            if (size_ == inline_.size()) spilled_.assign(inline_.begin(), inline_.end());
            spilled_.push_back(field);
        }
        ++size_;
    }
    void add(const codec::Header& header) { add(header.name, header.value); }
    void add_status(uint16_t status) {
        for (size_t i = 3; i > 0; --i, status /= 10) status_[i - 1] = static_cast<char>('0' + status % 10);
        add(":status", {status_.data(), status_.size()});
    }
    void add_length(const BodyLength& length) {
        if (length.kind != BodyLength::Kind::known) return;
        const char* const end = std::to_chars(length_.data(), length_.data() + length_.size(), length.bytes).ptr;
        add("content-length", {length_.data(), static_cast<size_t>(end - length_.data())});
    }
    [[nodiscard]] const nghttp2_nv* data() const { return size_ <= inline_.size() ? inline_.data() : spilled_.data(); }
    [[nodiscard]] size_t size() const { return size_; }

  private:
    size_t size_ = 0;
    std::array<char, 3> status_;
    std::array<char, 20> length_;
    std::array<nghttp2_nv, 32> inline_;
    std::vector<nghttp2_nv> spilled_;
};

}  // namespace tl::http
