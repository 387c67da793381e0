// The data path of all cores, as the control loop sees it: starts the cores, gives them configurations and endpoint
// sets and knows when each has been taken over, counts what is in flight, fetches records and counters. Owned by up;
// control loop only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/core_worker.h"
#include "net/listener.h"
#include "proxy/endpoints.h"
#include "registry/needs.h"
#include "rt/core.h"

namespace tl::app {

class DataPlane final : public proxy::EndpointSink, public registry::InFlightSource {
  public:
    struct Options {
        uint32_t cores = 1;
        size_t records = 4096;
        telemetry::NameTable* names = nullptr;
        proxy::OutcomeReporter report;  // called on the control loop
    };
    explicit DataPlane(Options options);
    ~DataPlane() override;
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;

    [[nodiscard]] rt::Task<void> start();
    [[nodiscard]] size_t cores() const { return cores_.size(); }

    // A door to be: its sockets are bound and listen (one a core), but nobody accepts yet. Dropped, they close.
    class BoundDoor {
      public:
        BoundDoor() = default;
        BoundDoor(BoundDoor&&) = default;
        BoundDoor& operator=(BoundDoor&&) = default;
        ~BoundDoor();
        std::string key;
        net::Address address;
        std::vector<int> sockets;
    };
    // Whether another door of ours listens on the same port already, as when 127.0.0.1:80 becomes 0.0.0.0:80.
    enum class Port : uint8_t { unknown, ours };
    // TCP only. The error says who holds the port.
    [[nodiscard]] base::Result<BoundDoor> bind(std::string key, const net::Address& address,
                                               Port port = Port::unknown) const;

    // All cores use `snapshot` and accept on `fresh` when it resumes. Doors that are no longer in it close, with
    // `grace` for what is in flight there.
    [[nodiscard]] rt::Task<base::Result<void>> apply(PlaneSnapshotPtr snapshot, std::vector<BoundDoor> fresh,
                                                     base::Duration grace);

    // Resumes when no closed door has requests in flight any more, at the end of the wait at the latest.
    [[nodiscard]] rt::Task<void> doors_closed(rt::Wait wait);

    void publish(proxy::EndpointSetPtr set, std::move_only_function<void()> acknowledged) override;
    [[nodiscard]] rt::Task<base::Result<uint64_t>> in_flight(std::string service, std::string instance,
                                                             rt::Wait wait) override;

    // Runs `ask` on each core's engine and gathers the answers; cores that do not answer in time are left out.
    template <class Ask, class T = std::invoke_result_t<Ask, proxy::Engine&>>
    [[nodiscard]] rt::Task<std::vector<T>> gather(Ask ask, rt::Wait wait) {
        std::vector<T> answers;
        for (const auto& core : cores_) {
            CoreWorker* worker = core->worker.get();
            auto answer = co_await rt::run_on(
                core->thread.loop(),
                [worker, ask] {
                    worker->count_connections();
                    return ask(worker->engine());
                },
                wait);
            if (answer) answers.push_back(std::move(*answer));
        }
        co_return answers;
    }
    // The same on one core.
    [[nodiscard]] rt::Loop& loop(size_t core) { return cores_[core]->thread.loop(); }
    [[nodiscard]] proxy::Engine& engine(size_t core) { return cores_[core]->worker->engine(); }
    // "who waits for whom" of each core, or that it does not answer.
    [[nodiscard]] rt::Task<std::string> dump_tasks();

    // ---- For an upgrade: see docs/decisions/0010.
    // The doors with their sockets, which stay the servers' own.
    struct OpenSockets {
        std::string key;
        std::vector<int> sockets;  // one a core
    };
    [[nodiscard]] rt::Task<base::Result<std::vector<OpenSockets>>> sockets(rt::Wait wait);
    // No thread of a core runs when it returns true; blocks for `most` at most. The error names the cores that are
    // busy, and all run on.
    [[nodiscard]] base::Result<void> pause(base::Duration most);
    // All run on where they were, in a fork as well.
    void go_on();
    // In the fork: what the cores need. Their doors then close without touching the queues of their sockets.
    [[nodiscard]] std::vector<int> descriptors() const;
    [[nodiscard]] rt::Task<void> drain(base::TimePoint deadline);
    [[nodiscard]] rt::Task<void> hurry(base::TimePoint deadline);
    [[nodiscard]] rt::Task<CoreWorker::Load> load(rt::Wait wait);

    // Stops accepting everywhere, lets requests in flight finish until `deadline`, ends the cores. The error names the
    // cores that were still busy a moment after the deadline: their threads cannot be joined, so the process has to end
    // without it (this object must not be destroyed unless they end after all).
    [[nodiscard]] rt::Task<base::Result<void>> stop(base::TimePoint deadline);

  private:
    struct OneCore {
        explicit OneCore(std::string name) : thread(std::move(name)) {}
        std::unique_ptr<CoreWorker> worker;  // lives on the thread, as does the gate of its end
        rt::Gate ending;
        bool told = false;  // stop() has reached its mailbox
        bool ended = false;
        rt::Core thread;
    };

    Options options_;
    proxy::SharedTrials trials_;
    std::vector<std::unique_ptr<OneCore>> cores_;
};

}  // namespace tl::app
