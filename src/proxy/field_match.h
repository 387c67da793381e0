// A condition on a header or query parameter of a request, as routes and rules of traffic write it.
#pragma once

#include <optional>
#include <string>

namespace tl::proxy {

struct FieldMatch {
    std::string name;                  // header name (any case) or query key
    std::optional<std::string> value;  // nullopt: present with whatever value
};

}  // namespace tl::proxy
