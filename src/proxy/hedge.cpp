#include "proxy/hedge.h"

#include "proxy/attempt.h"

namespace tl::proxy {

namespace {

// One that runs in the race, and its result.
struct Runner {
    Runner(Forwarding& all, Instance& instance, Race& race) : attempt(all, instance, &race) {}
    Attempt attempt;
    base::Result<void> result;
};

rt::Task<void> run(Runner& runner, Race& race, base::Result<void>& last) {
    ++race.running;
    runner.result = co_await runner.attempt.run();
    --race.running;
    // What the loser says is of no interest.
    if (race.winner == nullptr || race.winner == &runner.attempt) last = runner.result;
    race.changed.notify_all();
}

}  // namespace

bool may_hedge(Forwarding& all) {
    return all.context.route->traffic.hedge.after.count() > 0 && all.body->first.end && all.upgrade_to.empty() &&
           all.retry.may_hedge();
}

rt::Task<base::Result<void>> hedged_try(Forwarding& all, Instance& first) {
    rt::Loop& loop = rt::this_loop();
    Race race;
    rt::Gate gate;
    base::Result<void> last;
    Runner one{all, first, race};
    gate.spawn("first try", run(one, race, last));
    if (race.running > 0 && race.winner == nullptr) {
        const rt::Wait patience =
            all.wait.until(base::deadline_after(loop.now(), all.context.route->traffic.hedge.after));
        [[maybe_unused]] const rt::Wake over = co_await race.changed.wait(patience);
    }
    std::optional<Runner> two;
    const bool late = race.running > 0 && race.winner == nullptr && !all.context.exchange->cancel().requested();
    Instance* const second = late ? all.choice->pick(loop.now(), all.retry.tried()) : nullptr;
    if (second != nullptr && second != &first && all.retry.pay()) {
        two.emplace(all, *second, race);
        gate.spawn("second try", run(*two, race, last));
    }
    while (race.winner == nullptr && race.running > 0) co_await race.changed.wait();
    for (Runner* runner : {&one, two ? &*two : nullptr}) {
        if (runner != nullptr && race.winner != nullptr && &runner->attempt != race.winner) runner->attempt.give_up();
    }
    co_await gate.closed();
    co_return last;
}

}  // namespace tl::proxy
