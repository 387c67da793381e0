// The header section of one message: names and values as views into memory that somebody else holds (the
// receive buffer, or the request's arena for added ones). Order is kept; names keep their case and are
// compared without it. The fields that the proxy itself handles carry an id, so that looking one up compares
// a byte, not text. Shared by HTTP/1 and HTTP/2. Belongs to one core; the owner of the buffer ends its life.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tl::codec {

enum class Field : uint8_t {
    other,
    accept,
    authorization,
    cache_control,
    connection,
    content_length,
    content_type,
    cookie,
    date,
    expect,
    forwarded,
    host,
    keep_alive,
    proxy_authenticate,
    proxy_authorization,
    proxy_connection,
    retry_after,
    server,
    te,
    traceparent,
    tracestate,
    trailer,
    transfer_encoding,
    upgrade,
    user_agent,
    via,
    x_forwarded_client_cert,
    x_forwarded_for,
    x_forwarded_host,
    x_forwarded_port,
    x_forwarded_proto,
    x_real_ip,
    x_request_id,
};

[[nodiscard]] Field lookup_field(std::string_view name);  // case-insensitive; Field::other if not listed
[[nodiscard]] std::string_view name_of(Field field);      // lower-case canonical name; "" for Field::other

struct Header {
    std::string_view name;
    std::string_view value;  // without surrounding white space
    Field field = Field::other;
};

class HeaderTable {
  public:
    static constexpr size_t kInline = 24;

    HeaderTable() {}  // not "= default": that would have to clear inline_ (a kilobyte) for every message

    void add(std::string_view name, std::string_view value) { push({name, value, lookup_field(name)}); }
    void add(Field field, std::string_view value) { push({name_of(field), value, field}); }
    void push(const Header& header) {
        if (size_ < kInline) [[likely]] {
            inline_[size_++] = header;
        } else {
            spill(header);
        }
    }

    [[nodiscard]] const Header* find(Field field) const;  // the first one; nullptr if absent
    [[nodiscard]] const Header* find(std::string_view name) const;
    [[nodiscard]] std::string_view value(Field field) const {  // "" if absent
        const Header* header = find(field);
        return header == nullptr ? std::string_view{} : header->value;
    }
    [[nodiscard]] size_t count(Field field) const;

    // Replaces the value of the first of that field and drops the others, or adds it. A name that is replaced
    // keeps the spelling it came with. `field` is never Field::other.
    void set(Field field, std::string_view value);
    void set(std::string_view name, std::string_view value);
    void remove(Field field);
    void remove(std::string_view name);

    template <class Predicate>
    void remove_if(Predicate unwanted) {
        size_t kept = 0;
        for (size_t i = 0; i < size_; ++i) {
            const Header header = (*this)[i];
            if (!unwanted(header)) at(kept++) = header;
        }
        truncate(kept);
    }

    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] const Header& operator[](size_t i) const { return spilled_.empty() ? inline_[i] : spilled_[i]; }
    [[nodiscard]] const Header* begin() const { return spilled_.empty() ? inline_.data() : spilled_.data(); }
    [[nodiscard]] const Header* end() const { return begin() + size_; }
    void clear() { truncate(0); }

  private:
    Header& at(size_t i) { return spilled_.empty() ? inline_[i] : spilled_[i]; }
    void spill(const Header& header);  // more than kInline: all move to the heap
    void truncate(size_t size);

    size_t size_ = 0;
    union {  // only to leave it uninitialised: size_ says what counts
        std::array<Header, kInline> inline_;
    };
    std::vector<Header> spilled_;  // holds all of them exactly when size_ > kInline
};

}  // namespace tl::codec
