// Bodies of json policies: whatever is read can be written, and read again.
#include <cstdlib>

#include "gateway/policies/documents.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tl::gateway;
    if (size == 0) return 0;
    const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    const auto read = data[0] % 3 == 0 ? read_json(text) : data[0] % 3 == 1 ? read_xml(text) : read_form(text);
    if (!read) return 0;
    const auto again = read_json(write_json(*read));
    if (!again) std::abort();
    const auto xml = write_xml(*read, "root");
    if (xml && !read_xml(*xml)) std::abort();
    return 0;
}
