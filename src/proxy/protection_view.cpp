#include "proxy/protection_view.h"

#include "proxy/upstream.h"

namespace tl::proxy {

ProtectionView view_of(Upstream& upstream, base::TimePoint now) {
    ProtectionView view{.service = upstream.service(),
                        .breaker = upstream.breaker().state(),
                        .reason = upstream.breaker().reason(),
                        .times_opened = upstream.breaker().times_opened(),
                        .ejected = {},
                        .ejections = upstream.detector().ejections(),
                        .limit = upstream.limiter().limit(),
                        .in_flight = upstream.limiter().in_flight(),
                        .waiting = upstream.limiter().waiting(),
                        .turned_away = upstream.limiter().turned_away(),
                        .retries_refused = upstream.budgets().refused()};
    for (const Instance* instance : upstream.instances()) {
        if (!instance->outlier.ejected()) continue;
        view.ejected.push_back({instance->id, instance->outlier.reason(), instance->outlier.until() - now});
    }
    return view;
}

}  // namespace tl::proxy
