#include "proxy/filter.h"

#include <algorithm>

namespace tl::proxy {

void set_filters(Route& route, std::vector<std::shared_ptr<const Filter>> filters) {
    route.filters = std::move(filters);
    route.most_body = 0;
    route.filters_body = false;
    for (const auto& filter : route.filters) {
        if (const size_t most = filter->most_body(); most != 0) {
            // Where several look at the body, the strictest limit is the one that was meant.
            route.most_body = route.most_body == 0 ? most : std::min(route.most_body, most);
        }
        route.filters_body = route.filters_body || route.most_body != 0 || filter->transforms() || filter->answers();
    }
}

}  // namespace tl::proxy
