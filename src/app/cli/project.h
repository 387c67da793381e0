// Which system a command is about: the manifest, and the state folder beside it. Found once a command.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::app {

inline constexpr std::string_view kManifestName = "trunkline.yaml";
inline constexpr std::string_view kStateFolder = ".trunkline";

struct Project {
    std::string manifest;   // absolute path
    std::string folder;     // that it is in
    std::string state_dir;  // <folder>/.trunkline
};

// The manifest that is named, or, if `named` is empty, trunkline.yaml in `from` or the nearest folder above it.
// Code::not_found when there is none.
[[nodiscard]] base::Result<Project> find_project(const std::string& named, const std::string& from);

}  // namespace tl::app
