#include "app/cli/project.h"

#include <fmt/format.h>

#include <filesystem>

namespace tl::app {

namespace fs = std::filesystem;

namespace {

Project project_of(const fs::path& manifest) {
    const fs::path folder = manifest.parent_path();
    return {manifest.string(), folder.string(), (folder / kStateFolder).string()};
}

}  // namespace

base::Result<Project> find_project(const std::string& named, const std::string& from) {
    std::error_code error;
    if (!named.empty()) {
        const fs::path path = (fs::path{from} / named).lexically_normal();
        if (fs::is_directory(path, error)) {
            return base::fail(base::Code::not_found,
                              fmt::format("{} is a folder, not a manifest; name the file in it", path.string()));
        }
        if (!fs::exists(path, error)) {
            return base::fail(base::Code::not_found, fmt::format("there is no manifest {}", path.string()));
        }
        return project_of(path);
    }
    for (fs::path folder = from;; folder = folder.parent_path()) {
        const fs::path path = folder / kManifestName;
        if (fs::is_regular_file(path, error)) return project_of(path);
        if (folder == folder.parent_path()) break;
    }
    return base::fail(base::Code::not_found,
                      fmt::format("there is no {} in {} or a folder above it; go to where it is, or name it with "
                                  "--manifest FILE",
                                  kManifestName, from));
}

}  // namespace tl::app
