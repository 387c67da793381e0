#include "gateway/policies/keeper.h"

namespace tl::gateway {

rt::Task<void> Keeper::work(std::shared_ptr<Kept> kept, std::shared_ptr<Work> state) {
    co_await kept->run(state->cancel);
    kept.reset();
    state->running = false;
}

void Keeper::settle() {
    for (auto it = items_.begin(); it != items_.end();) {
        Item& item = it->second;
        // Other cores only let go of it; new holders come by keep(), on this one.
        const long ours = item.work != nullptr && item.work->running ? 2 : 1;
        if (item.kept.use_count() <= ours) {
            if (item.work != nullptr) item.work->cancel.request();
            it = items_.erase(it);
            continue;
        }
        if (item.work == nullptr) {
            item.work = std::make_shared<Work>();
            gate_.spawn("policy", work(item.kept, item.work));
        }
        ++it;
    }
}

rt::Task<void> Keeper::stop() {
    for (auto& [key, item] : items_) {
        if (item.work != nullptr) item.work->cancel.request();
    }
    co_await gate_.closed();
    items_.clear();
}

}  // namespace tl::gateway
