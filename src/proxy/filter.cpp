#include "proxy/filter.h"

#include <algorithm>

namespace tl::proxy {

void set_filters(Route& route, std::vector<std::shared_ptr<const Filter>> filters) {
    route.filters = std::move(filters);
    route.most_body = 0;
    route.most_streamed = std::numeric_limits<uint64_t>::max();
    route.filters_body = false;
    for (const auto& filter : route.filters) {
        if (const size_t most = filter->most_body(); most != 0) {
            // Where several look at the body, the strictest limit is the one that was meant.
            route.most_body = route.most_body == 0 ? most : std::min(route.most_body, most);
        }
        route.most_streamed = std::min(route.most_streamed, filter->most_streamed());
        route.filters_body = route.filters_body || route.most_body != 0 || filter->transforms() || filter->answers() ||
                             route.most_streamed != std::numeric_limits<uint64_t>::max();
    }
    if (route.most_body > route.most_streamed) route.most_body = static_cast<size_t>(route.most_streamed);
}

}  // namespace tl::proxy
