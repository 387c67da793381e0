// Takes the cores' access records to the access log, a few times a second, off the path of requests. Control loop only.
#pragma once

#include <memory>
#include <vector>

#include "app/data_plane.h"
#include "app/manifest_model.h"
#include "telemetry/access_log.h"

namespace tl::app {

class AccessWriter {
  public:
    // nullptr when nothing is to be written. Relative files stand in `folder`.
    [[nodiscard]] static base::Result<std::unique_ptr<AccessWriter>> open(const TelemetryConfig& config,
                                                                          const std::string& folder, bool terminal,
                                                                          bool colour,
                                                                          const telemetry::RecordWords& words);
    AccessWriter(std::unique_ptr<telemetry::AccessLog> log, size_t ring) : log_(std::move(log)), ring_(ring) {}

    // Writes until cancelled, and then what is left.
    [[nodiscard]] rt::Task<void> run(DataPlane& plane, rt::Cancel& cancel);
    // Once: what the cores have and the log has not.
    // Returns the most records that one core had.
    [[nodiscard]] rt::Task<size_t> drain(DataPlane& plane);
    [[nodiscard]] uint64_t lost() const { return lost_; }

  private:
    std::unique_ptr<telemetry::AccessLog> log_;
    size_t ring_;                 // records that a core keeps
    std::vector<uint64_t> next_;  // by core: the first record not yet taken
    uint64_t lost_ = 0;           // overwritten before they were read
};

}  // namespace tl::app
