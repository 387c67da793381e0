#include "supervisor/process_title.h"

#include <sys/prctl.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace tl::supervisor {

namespace {

constexpr int kArgumentsBegin = 48;  // proc(5): the fields arg_start and arg_end, counted from 1

}  // namespace

std::span<char> title_space() {
    std::ifstream file{"/proc/self/stat"};
    std::string text;
    std::getline(file, text);
    // The name, field 2, may hold anything; what follows the last ")" is numbers.
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return {};
    std::istringstream fields{text.substr(name_end + 1)};
    std::string skipped;
    for (int field = 3; field < kArgumentsBegin; ++field) fields >> skipped;
    uintptr_t begin = 0;
    uintptr_t end = 0;
    fields >> begin >> end;
    if (!fields || begin == 0 || end <= begin) return {};
    return {reinterpret_cast<char*>(begin), end - begin};
}

void take_title(std::span<char> space, const char* name) {
    ::prctl(PR_SET_NAME, name);
    if (space.size() <= std::strlen(name)) return;
    std::memset(space.data(), 0, space.size());
    std::memcpy(space.data(), name, std::strlen(name));
}

}  // namespace tl::supervisor
