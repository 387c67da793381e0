// A JSON document as YAML, with the same values in the same order. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tl::gateway {

[[nodiscard]] std::string write_yaml(const nlohmann::ordered_json& document);

}  // namespace tl::gateway
