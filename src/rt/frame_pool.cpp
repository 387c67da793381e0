#include "rt/frame_pool.h"

#include <array>
#include <cstdlib>

namespace tl::rt {

namespace {

constexpr size_t kStep = 64;
constexpr size_t kClasses = 96;  // frames up to 6 KiB; larger ones go to malloc each time
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr size_t kKept = 0;  // a frame that is kept would hide its use after the end
#else
constexpr size_t kKept = 256;
#endif

struct FreeFrame {
    FreeFrame* next;
};

struct FreeList {
    FreeFrame* head = nullptr;
    size_t count = 0;
};

// The calling thread's free frames, by size. Plain data: a thread-local object with a destructor would be asked at each
// use whether it has been made yet, 17 times a request.
constinit thread_local std::array<FreeList, kClasses> t_free{};

// Gives them back when the thread ends; made with its first frame.
struct Cleaner {
    ~Cleaner() {
        for (FreeList& list : t_free) {
            while (list.head != nullptr) {
                FreeFrame* frame = list.head;
                list.head = frame->next;
                std::free(frame);
            }
        }
    }
    void note_use() const {}
};
thread_local Cleaner t_cleaner;

constexpr size_t class_of(size_t bytes) { return (bytes - 1) / kStep; }

void* new_frame(size_t bytes, size_t index) {
    t_cleaner.note_use();
    void* memory = std::malloc(index < kClasses ? (index + 1) * kStep : bytes);
    if (memory == nullptr) std::abort();
    return memory;
}

}  // namespace

void* allocate_frame(size_t bytes) {
    const size_t index = class_of(bytes);
    if (index < kClasses) [[likely]] {
        FreeList& list = t_free[index];
        if (FreeFrame* frame = list.head; frame != nullptr) [[likely]] {
            list.head = frame->next;
            --list.count;
            return frame;
        }
    }
    return new_frame(bytes, index);
}

void free_frame(void* frame, size_t bytes) noexcept {
    const size_t index = class_of(bytes);
    if (index >= kClasses || t_free[index].count == kKept) return std::free(frame);
    FreeList& list = t_free[index];
    list.head = new (frame) FreeFrame{list.head};
    ++list.count;
}

}  // namespace tl::rt
