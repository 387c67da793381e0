#include "gateway/policies/geo.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "gateway/policies/geo_database.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

using manifest::list_of;
using manifest::text;
using proxy::RequestContext;

namespace {

std::optional<std::string> check_country(std::string_view code) {
    const bool good = code.size() == 2 && std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (good) return std::nullopt;
    return "must be a country's two letters (ISO 3166-1), such as CH";
}

std::string path_of(const std::string& folder, const std::string& file) {
    return (std::filesystem::path{folder} / file).string();
}

class GeoFilter final : public proxy::Filter {
  public:
    GeoFilter(const GeoConfig& config, std::shared_ptr<const GeoDatabase> database)
        : allow_(config.allow),
          deny_(config.deny),
          unknown_(config.unknown == UnknownCountry::allow),
          database_(std::move(database)) {}

    std::string_view name() const override { return "geo"; }

    Verdict on_request(RequestContext& context) const override {
        const std::string_view country = database_->country_of(context.client_address());
        context.note("geo", country.empty() ? "no country known" : country);
        if (allows(country)) return Verdict::proceed;
        context.refusal = {proxy::Cause::blocked, "requests from this country are not taken here"};
        return Verdict::refuse;
    }

  private:
    [[nodiscard]] bool allows(std::string_view country) const {
        if (country.empty()) return unknown_;
        const auto has = [&](const std::vector<std::string>& list) {
            return std::ranges::find(list, country) != list.end();
        };
        return !has(deny_) && (allow_.empty() || has(allow_));
    }

    std::vector<std::string> allow_;
    std::vector<std::string> deny_;
    bool unknown_;
    std::shared_ptr<const GeoDatabase> database_;
};

void check_lists(const GeoConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (!config.allow.empty() || !config.deny.empty()) return;
    diagnostics.error(at, "a geo policy needs \"allow\" or \"deny\"", "give the countries: allow: [CH, DE]");
}

}  // namespace

const manifest::Object<GeoConfig>& geo_schema() {
    const auto country = [] { return text("a country such as CH").check(check_country); };
    static const auto schema =
        manifest::Object<GeoConfig>("a geo policy")
            .position(&GeoConfig::at)
            .field("file", &GeoConfig::file, text("a database (.mmdb)"))
            .required()
            .doc("The database of countries, in MaxMind's format.")
            .example("GeoLite2-Country.mmdb")
            .field("allow", &GeoConfig::allow, list_of(country()).unique().or_single())
            .doc("Countries that may ask, and no others.")
            .default_is("all")
            .field("deny", &GeoConfig::deny, list_of(country()).unique().or_single())
            .doc("Countries that may not; wins over allow.")
            .default_is("none")
            .field("unknown", &GeoConfig::unknown,
                   manifest::one_of<UnknownCountry>({{"allow", UnknownCountry::allow}, {"deny", UnknownCountry::deny}}))
            .doc("What addresses get that the database does not know, such as private ones.")
            .validate(check_lists);
    return schema;
}

void GeoConfig::check(const PolicyCheck& check) const {
    const GeoDatabase database{path_of(check.folder, file.value)};
    if (database.error().empty()) return;
    check.diagnostics.error(file.at,
                            fmt::format("\"{}\" is no database of addresses: {}", file.value, database.error()),
                            "give a .mmdb file, such as GeoLite2-Country.mmdb");
}

FilterPtr make_geo_filter(const GeoConfig& config, const PolicyContext& context) {
    const std::string path = path_of(context.home->folder, config.file.value);
    // A file that was replaced is another database: it is read with the next apply.
    std::error_code ignored;
    const auto written = std::filesystem::last_write_time(path, ignored).time_since_epoch().count();
    const auto size = std::filesystem::file_size(path, ignored);
    return std::make_shared<GeoFilter>(
        config, context.home->keeper.keep<GeoDatabase>(fmt::format("geo {} {} {}", path, written, size), path));
}

}  // namespace tl::gateway
