#include "base/buffer.h"

#include <array>
#include <cstdlib>

namespace tl::base {

namespace {

// Free blocks of the calling thread, at most 128 (2 MiB); blocks may be freed on another thread than they were
// taken on. An allocator's cache, not state: nothing can be observed through it.
class BlockCache {
  public:
    ~BlockCache() {
        while (count_ > 0) std::free(blocks_[--count_]);
    }
    char* take() {  // under a sanitizer nothing is kept: it would hide the use of a view after its block's end
        if (count_ > 0) return blocks_[--count_];
        return static_cast<char*>(std::malloc(Buffer::kBlock));
    }
    void give(char* block) {
        if (count_ == kKept) {
            std::free(block);
        } else {
            blocks_[count_++] = block;
        }
    }

  private:
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    static constexpr size_t kKept = 0;
#else
    static constexpr size_t kKept = 128;
#endif
    std::array<char*, 128> blocks_{};
    size_t count_ = 0;
};

thread_local BlockCache t_blocks;
thread_local int64_t t_bytes = 0;

}  // namespace

int64_t buffer_bytes() { return t_bytes; }

void Buffer::release() {
    t_bytes -= static_cast<int64_t>(capacity_);
    if (capacity_ == kBlock) {
        t_blocks.give(data_);
    } else {
        std::free(data_);
    }
    data_ = nullptr;
    begin_ = end_ = capacity_ = 0;
}

void Buffer::make_room(size_t least) {
    const size_t have = size();
    if (begin_ > 0 && capacity_ - have >= least) {
        std::memmove(data_, data_ + begin_, have);
        begin_ = 0;
        end_ = have;
        return;
    }
    size_t wanted = kBlock;
    while (wanted < have + least) wanted *= 2;
    char* grown = wanted == kBlock ? t_blocks.take() : static_cast<char*>(std::malloc(wanted));
    if (grown == nullptr) std::abort();
    if (have > 0) std::memcpy(grown, data_ + begin_, have);
    release();
    data_ = grown;
    capacity_ = wanted;
    t_bytes += static_cast<int64_t>(wanted);
    end_ = have;
}

}  // namespace tl::base
