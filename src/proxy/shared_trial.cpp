#include "proxy/shared_trial.h"

#include <algorithm>
#include <chrono>

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// Who comes later has too little of the trial to say something of it.
constexpr base::Duration kJoining = 250ms;
// Without a queue behind it, half of the requests make half of the answers.
constexpr double kAsMany = 0.75;

}  // namespace

SharedTrial::Chance SharedTrial::chance(base::TimePoint now) const {
    const std::scoped_lock lock{mutex_};
    if (!undecided(now)) return Chance::begin;
    return now < terms_.began + std::max<base::Duration>(kJoining, terms_.patience / 4) ? Chance::join : Chance::wait;
}

SharedTrial::Number SharedTrial::begin(const TrialTerms& terms, base::TimePoint now) {
    const std::scoped_lock lock{mutex_};
    if (undecided(now)) {  // another core was faster
        ++members_;
        return number_;
    }
    terms_ = terms;
    members_ = 1;
    reports_ = 0;
    before_ = rate_ = 0;
    return ++number_;
}

SharedTrial::Number SharedTrial::join(TrialTerms& terms) {
    const std::scoped_lock lock{mutex_};
    terms = terms_;
    ++members_;
    return number_;
}

void SharedTrial::report(Number number, double before, double rate) {
    const std::scoped_lock lock{mutex_};
    if (number != number_ || decided_ == number_) return;
    before_ += before;
    rate_ += rate;
    if (++reports_ == members_) decide();
}

SharedTrial::Verdict SharedTrial::verdict(Number number, base::TimePoint now) {
    const std::scoped_lock lock{mutex_};
    if (number == number_ && decided_ < number_) {
        if (now < over() || reports_ == 0) return Verdict::none;
        decide();
    }
    return last_;
}

// As many answers from fewer requests: each took less time (Little's law), so they had waited for each other.
void SharedTrial::decide() {
    decided_ = number_;
    last_ = rate_ > 0 && rate_ >= kAsMany * before_ ? Verdict::queue : Verdict::slow;
}

SharedTrialPtr SharedTrials::of(const std::string& service) {
    const std::scoped_lock lock{mutex_};
    auto& known = by_service_[service];
    SharedTrialPtr trial = known.lock();
    if (trial != nullptr) return trial;
    known = trial = std::make_shared<SharedTrial>();
    std::erase_if(by_service_, [](const auto& one) { return one.second.expired(); });
    return trial;
}

}  // namespace tl::proxy
