#include "rt/dump.h"

#include <fmt/format.h>

#include <string_view>

#include "rt/root.h"

namespace tl::rt {

namespace {

// "src/proxy/pipeline.cpp" from whatever prefix the build used.
std::string_view short_file(std::string_view file) {
    const size_t at = file.rfind("src/");
    return at == std::string_view::npos ? file : file.substr(at);
}

}  // namespace

std::string dump_tasks(const Loop& loop, size_t most) {
    std::string out;
    size_t count = 0;
    loop.for_each_root([&](const RootPromise& root) {
        if (++count > most) return;
        out += fmt::format("task {}\n", root.name());
        for (const PromiseBase* frame = root.child(); frame != nullptr; frame = frame->child()) {
            const auto& where = frame->where();
            if (where.line() == 0) {  // has not awaited anything yet: it is what runs right now
                out += "    runs\n";
                continue;
            }
            out += fmt::format("    waits at {}:{} in {}\n", short_file(where.file_name()), where.line(),
                               where.function_name());
        }
    });
    if (count > most) out += fmt::format("... and {} more\n", count - most);
    if (count == 0) out = "no tasks\n";
    return out;
}

}  // namespace tl::rt
