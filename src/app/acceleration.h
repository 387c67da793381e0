// Which connections are joined in the kernel (docs/acceleration.md): what the manifest asks for, whether the kernel and
// our rights allow it, and how many were. Nothing is loaded before a manifest asks. Outlives the data plane, whose
// streams use the joiner. Control loop only.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/core_worker.h"
#include "app/manifest_model.h"
#include "sockmap/joiner.h"
#include "telemetry/prometheus.h"

namespace tl::app {

class Acceleration {
  public:
    // Loads what it takes, if `manifest` asks for it for the first time.
    void prepare(const Manifest& manifest);
    // What a former program of this process has left; its connections are in there.
    void adopt(uint32_t layout, const std::vector<int>& left);

    [[nodiscard]] static std::string name_of(const std::string& service) { return "service " + service; }
    static constexpr std::string_view kGateway = "gateway";
    // For the connections of one name; none where the kernel or the rights do not allow it.
    [[nodiscard]] net::Shortcut shortcut(std::string_view name) const;
    // These are the doors that are open: clients of those that are to be accelerated may be joined.
    void set_doors(const PlaneSnapshot& snapshot, const std::map<std::string, net::Address>& open);

    // "joined: 12 connections, 0 by TCP", "not joined: ..."
    [[nodiscard]] std::string in_words(std::string_view name) const;
    void add_to(std::vector<telemetry::Sample>& samples, const Manifest& manifest) const;

    // For an upgrade: of the programs and maps, for the next program; and without what a fork must not hold.
    [[nodiscard]] std::vector<int> descriptors() const;
    [[nodiscard]] std::vector<int> descriptors_of_fork() const;
    // Resumes when nobody has anything to read in the kernel any more, or at the deadline.
    [[nodiscard]] rt::Task<void> read_out(base::TimePoint deadline);

  private:
    void take(base::Result<std::unique_ptr<sockmap::Joiner>> joiner);

    bool asked_ = false;
    std::string refused_;  // why there is no joiner
    std::unique_ptr<sockmap::Joiner> joiner_;
    std::set<uint16_t> doors_;
};

}  // namespace tl::app
