#include "base/buffer.h"

#include <array>
#include <cstdlib>

namespace tl::base {

namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr size_t kKept = 0;  // a block that is kept would hide the use of a view after its end
#else
constexpr size_t kKept = 128;
#endif

// Free blocks of the calling thread, at most 128 (2 MiB); blocks may be freed on another thread than they were taken
// on. An allocator's cache, not state: nothing can be observed through it. Plain data: a thread-local object with a
// destructor would be asked at each use whether it has been made yet.
struct FreeBlocks {
    std::array<char*, 128> blocks{};
    size_t count = 0;
};
constinit thread_local FreeBlocks t_free{};
constinit thread_local int64_t t_bytes = 0;

// Gives them back when the thread ends; made with its first block.
struct Cleaner {
    ~Cleaner() {
        while (t_free.count > 0) std::free(t_free.blocks[--t_free.count]);
    }
    void note_use() const {}
};
thread_local Cleaner t_cleaner;

char* new_memory(size_t size) {
    t_cleaner.note_use();
    auto* const memory = static_cast<char*>(std::malloc(size));
    if (memory == nullptr) std::abort();
    return memory;
}

char* take_block() {
    if (t_free.count > 0) [[likely]]
        return t_free.blocks[--t_free.count];
    return new_memory(Buffer::kBlock);
}

}  // namespace

int64_t buffer_bytes() { return t_bytes; }

void HeldBytes::set(size_t bytes) {
    t_bytes += static_cast<int64_t>(bytes) - static_cast<int64_t>(bytes_);
    bytes_ = bytes;
}

void Buffer::release() {
    if (data_ == nullptr) return;
    t_bytes -= static_cast<int64_t>(capacity_);
    if (capacity_ == kBlock && t_free.count != kKept) [[likely]] {
        t_free.blocks[t_free.count++] = data_;
    } else {
        std::free(data_);
    }
    data_ = nullptr;
    begin_ = end_ = capacity_ = 0;
}

void Buffer::make_room(size_t least) {
    if (data_ == nullptr && least <= kBlock) [[likely]] {
        data_ = take_block();
        capacity_ = kBlock;
        t_bytes += static_cast<int64_t>(kBlock);
        return;
    }
    const size_t have = size();
    if (data_ != nullptr && begin_ > 0 && capacity_ - have >= least) {
        std::memmove(data_, data_ + begin_, have);
        begin_ = 0;
        end_ = have;
        return;
    }
    size_t wanted = kBlock;
    while (wanted < have + least) wanted *= 2;
    char* const grown = new_memory(wanted);
    if (data_ != nullptr && have > 0) std::memcpy(grown, data_ + begin_, have);
    release();
    data_ = grown;
    capacity_ = wanted;
    t_bytes += static_cast<int64_t>(wanted);
    end_ = have;
}

}  // namespace tl::base
