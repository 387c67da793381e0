#include "gateway/openapi/formats.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <string>

#include "codec/http1.h"

namespace tl::gateway {

namespace {

bool is_date(std::string_view text) {
    static const re2::RE2 kForm{R"((\d{4})-(\d{2})-(\d{2}))"};
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!re2::RE2::FullMatch({text.data(), text.size()}, kForm, &year, &month, &day)) return false;
    return std::chrono::year_month_day{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}}.ok();
}

bool is_time(std::string_view text) {
    static const re2::RE2 kForm{
        R"(([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d))"};
    return re2::RE2::FullMatch({text.data(), text.size()}, kForm);
}

bool is_date_time(std::string_view text) {
    constexpr size_t kDate = 10;
    return text.size() > kDate + 1 && (text[kDate] == 'T' || text[kDate] == 't') && is_date(text.substr(0, kDate)) &&
           is_time(text.substr(kDate + 1));
}

bool is_ip(std::string_view text, int family) {
    char raw[sizeof(in6_addr)];
    return text.size() < INET6_ADDRSTRLEN && inet_pton(family, std::string{text}.c_str(), raw) == 1;
}

bool fits(const re2::RE2& form, std::string_view text) { return re2::RE2::FullMatch({text.data(), text.size()}, form); }

}  // namespace

bool fits_format(std::string_view format, std::string_view text) {
    static const re2::RE2 kUuid{R"([0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"};
    static const re2::RE2 kEmail{R"([^\s@"<>()\[\],;:\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?)"};
    static const re2::RE2 kUri{R"([A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]*)"};
    static const re2::RE2 kHost{
        R"(([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)"};
    static const re2::RE2 kByte{R"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"};
    if (format == "date") return is_date(text);
    if (format == "date-time") return is_date_time(text);
    if (format == "time") return is_time(text);
    if (format == "uuid") return fits(kUuid, text);
    if (format == "email") return fits(kEmail, text);
    if (format == "ipv4") return is_ip(text, AF_INET);
    if (format == "ipv6") return is_ip(text, AF_INET6);
    if (format == "uri") return fits(kUri, text);
    if (format == "hostname") return text.size() <= 253 && fits(kHost, text);
    if (format == "byte") return fits(kByte, text);
    return true;
}

bool fits_number_format(std::string_view format, double value) {
    const auto within = [value](double least, double most) {
        return value >= least && value <= most && value == std::floor(value);
    };
    if (format == "int32") return within(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
    if (format == "int64") return within(-9223372036854775808.0, 9223372036854775807.0);
    if (format == "float") return std::abs(value) <= std::numeric_limits<float>::max();
    return true;
}

}  // namespace tl::gateway
