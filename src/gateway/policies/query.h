// Changes of the query that the service gets: remove, rename, set, add, in this order. Names are compared after
// percent-decoding, so that no second spelling of one slips past.
#pragma once

#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "gateway/policies/template.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

struct QueryConfig {
    manifest::Position at;
    std::vector<std::string> only;  // names that may stay; empty: all
    std::vector<std::string> remove;
    manifest::OrderedMap<std::string> rename;
    manifest::OrderedMap<Template> set;
    manifest::OrderedMap<Template> add;
    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<QueryConfig>& query_schema();
[[nodiscard]] FilterPtr make_query_filter(const QueryConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
