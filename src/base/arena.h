// Short-lived text of one request: a bump allocator with its first kilobyte inside, freed all at once. Views into it
// hold until it dies. One core.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tl::base {

class Arena {
  public:
    // Not defaulted: as a member of an aggregate, a defaulted one would clear the kilobyte for every request.
    Arena() {}  // NOLINT(modernize-use-equals-default)
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // Uninitialised room for `size` characters.
    [[nodiscard]] char* allocate(size_t size) {
        if (size > sizeof inline_ - used_) [[unlikely]]
            return blocks_.emplace_back(new char[size]).get();
        char* at = inline_ + used_;
        used_ += size;
        return at;
    }
    [[nodiscard]] std::string_view copy(std::string_view text) {
        char* at = allocate(text.size());
        if (!text.empty()) std::memcpy(at, text.data(), text.size());
        return {at, text.size()};
    }
    template <class... Parts>
    [[nodiscard]] std::string_view concat(const Parts&... parts) {
        const size_t size = (std::string_view{parts}.size() + ... + 0);
        char* const begin = allocate(size);
        char* at = begin;
        ((at = append(at, std::string_view{parts})), ...);
        return {begin, size};
    }

  private:
    static char* append(char* at, std::string_view text) {
        if (!text.empty()) std::memcpy(at, text.data(), text.size());
        return at + text.size();
    }

    size_t used_ = 0;
    std::vector<std::unique_ptr<char[]>> blocks_;  // for what does not fit; bounded by the caps on heads
    char inline_[1024];
};

}  // namespace tl::base
