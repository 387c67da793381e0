// Structured fields: what is read is written in one form, which is read as the same.
#include <cstdlib>

#include "codec/structured.h"

namespace {

std::string written(const tl::codec::StructuredDictionary& all) {
    std::string to;
    for (const auto& [name, member] : all) {
        to += (to.empty() ? "" : ", ") + name + "=";
        std::string value;
        if (const auto* item = std::get_if<tl::codec::StructuredItem>(&member.value)) {
            tl::codec::append_item(value, *item);
        } else {
            tl::codec::append_inner_list(value, std::get<1>(member.value), member.parameters);
        }
        to += value;
    }
    return to;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto read = tl::codec::parse_dictionary({reinterpret_cast<const char*>(data), size});
    if (!read) return 0;
    const std::string once = written(*read);
    const auto again = tl::codec::parse_dictionary(once);
    if (!again || written(*again) != once) std::abort();
    return 0;
}
