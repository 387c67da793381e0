// A byte queue in one piece of memory: what was read and not yet used, or what waits to be written. Its block
// (16 KiB) comes from a small cache of the calling thread and goes back when the buffer is released, so an idle
// connection holds none. Grows by doubling when more must stay in one piece; the owner caps that, not the buffer.
// Belongs to one core. Views into it hold until the next writable(), append(), consume() or release().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace tl::base {

class Buffer {
  public:
    static constexpr size_t kBlock = 16 * 1024;

    Buffer() = default;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        if (this != &other) {
            release();
            swap(other);
        }
        return *this;
    }
    ~Buffer() { release(); }

    [[nodiscard]] std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
    [[nodiscard]] char* data() { return data_ + begin_; }
    [[nodiscard]] size_t size() const { return end_ - begin_; }
    [[nodiscard]] bool empty() const { return begin_ == end_; }
    [[nodiscard]] size_t capacity() const { return capacity_; }
    // Bytes that writable() can give without moving or growing anything.
    [[nodiscard]] size_t room() const { return capacity_ - end_; }

    // At least `least` bytes of free room behind what is there; may move the content.
    [[nodiscard]] std::span<char> writable(size_t least = 1) {
        if (room() < least) make_room(least);
        return {data_ + end_, capacity_ - end_};
    }
    void commit(size_t written) { end_ += written; }
    void consume(size_t used) {
        begin_ += used;
        if (begin_ == end_) begin_ = end_ = 0;
    }
    void append(std::string_view bytes) {
        if (bytes.empty()) return;
        if (room() < bytes.size()) [[unlikely]]
            make_room(bytes.size());
        std::memcpy(data_ + end_, bytes.data(), bytes.size());  // NOLINT: with room there is memory
        end_ += bytes.size();
    }
    void clear() { begin_ = end_ = 0; }
    // Gives the memory back; the content is gone.
    void release();
    void swap(Buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(begin_, other.begin_);
        std::swap(end_, other.end_);
        std::swap(capacity_, other.capacity_);
    }

  private:
    void make_room(size_t least);

    char* data_ = nullptr;
    size_t begin_ = 0;
    size_t end_ = 0;
    size_t capacity_ = 0;
};

// Bytes that all buffers of the calling thread hold now, and what HeldBytes says: what a memory budget is held against.
// A buffer that dies on another thread than it grew on is counted out there.
[[nodiscard]] int64_t buffer_bytes();
// Whether they leave too little of a budget to begin something new: a quarter is for what has begun. 0: no budget.
[[nodiscard]] inline bool short_of_memory(uint64_t budget) {
    return budget > 0 && buffer_bytes() >= static_cast<int64_t>(budget / 4 * 3);
}

// Counts what somebody holds of a message elsewhere than in a Buffer: a body that is gathered in a string.
class HeldBytes {
  public:
    HeldBytes() = default;
    HeldBytes(HeldBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)) {}
    HeldBytes& operator=(HeldBytes&& other) noexcept {
        if (this == &other) return *this;
        set(0);
        bytes_ = std::exchange(other.bytes_, 0);
        return *this;
    }
    ~HeldBytes() { set(0); }

    // That many from now on, in the place of those before.
    void set(size_t bytes);

  private:
    size_t bytes_ = 0;
};

}  // namespace tl::base
