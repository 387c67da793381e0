// A database from addresses to countries, in memory: a copy, so that nobody who writes to the file can change or tear
// what is looked up. Immutable once open, shared by cores and kept over reloads.
#pragma once

#include <maxminddb.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "gateway/policies/keeper.h"
#include "net/address.h"

namespace tl::gateway {

class GeoDatabase final : public Kept {
  public:
    explicit GeoDatabase(const std::string& path) : error_(open(path)) {}
    ~GeoDatabase() override {
        if (error_.empty()) MMDB_close(&database_);
    }
    GeoDatabase(const GeoDatabase&) = delete;
    GeoDatabase& operator=(const GeoDatabase&) = delete;

    // What is wrong with the file; "": it can be asked.
    [[nodiscard]] const std::string& error() const { return error_; }
    // "CH"; "" when it does not know.
    [[nodiscard]] std::string_view country_of(const net::Address& address) const;

  private:
    [[nodiscard]] std::string open(const std::string& path);

    MMDB_s database_{};
    std::string error_;
};

}  // namespace tl::gateway
