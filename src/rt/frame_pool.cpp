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

class FramePool {
  public:
    ~FramePool() {
        for (List& list : lists_) {
            while (list.head != nullptr) {
                FreeFrame* frame = list.head;
                list.head = frame->next;
                std::free(frame);
            }
        }
    }
    void* take(size_t index) {
        List& list = lists_[index];
        if (list.head == nullptr) return std::malloc((index + 1) * kStep);
        FreeFrame* frame = list.head;
        list.head = frame->next;
        --list.count;
        return frame;
    }
    void give(void* memory, size_t index) {
        List& list = lists_[index];
        if (list.count == kKept) {
            std::free(memory);
            return;
        }
        list.head = new (memory) FreeFrame{list.head};
        ++list.count;
    }

  private:
    struct List {
        FreeFrame* head = nullptr;
        size_t count = 0;
    };
    std::array<List, kClasses> lists_;
};

thread_local FramePool t_frames;

constexpr size_t class_of(size_t bytes) { return (bytes - 1) / kStep; }

}  // namespace

void* allocate_frame(size_t bytes) {
    const size_t index = class_of(bytes);
    void* memory = index < kClasses ? t_frames.take(index) : std::malloc(bytes);
    if (memory == nullptr) std::abort();
    return memory;
}

void free_frame(void* frame, size_t bytes) noexcept {
    const size_t index = class_of(bytes);
    if (index < kClasses) {
        t_frames.give(frame, index);
    } else {
        std::free(frame);
    }
}

}  // namespace tl::rt
