// The running system: owns every room's service, in the order of their start, and joins them. One object, on the
// control loop, from up's start to its end. What the console can see and do is implemented in system_views.cpp and
// system_changes.cpp.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/acceleration.h"
#include "app/access_writer.h"
#include "app/data_plane.h"
#include "app/former_program.h"
#include "app/handover.h"
#include "app/joins.h"
#include "app/manifest_model.h"
#include "app/plane_builder.h"
#include "app/tls_store.h"
#include "app/traffic_meter.h"
#include "console/admin_server.h"
#include "net/resolver.h"
#include "rt/event.h"
#include "supervisor/guard.h"
#include "supervisor/supervisor.h"

namespace tl::gateway {
class ApiKeyStore;
}

namespace tl::app {

struct SystemOptions {
    std::string state_dir;
    std::string run_id;
    std::vector<std::string> inherited;  // environment for services
    bool terminal = false;               // standard output is one
    bool colour = false;
    bool json = false;  // services' output as JSON lines
    net::ResolverOptions dns;
    uint32_t cores = 0;  // 0: as the manifest says. After an upgrade: one for each socket of a door
    // What the next program is left besides what is System's own; -1 and nullptr in tests.
    int lock = -1;
    const supervisor::Guard* guard = nullptr;
};

// A line of a service's output as the console shows it.
[[nodiscard]] console::LogLine view_of(const supervisor::LogLine& line);

class System final : public console::System {
  public:
    System(SystemOptions options, LoadedManifest loaded);
    ~System() override;
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    // Opens the admin door and all sockets, starts the cores, then the services. On an error nothing has been started
    // that stop() would not end.
    [[nodiscard]] rt::Task<base::Result<void>> start();
    // Instead of start(): goes on with what the program before this one has left. On an error nothing of it is lost:
    // see WayBack.
    [[nodiscard]] rt::Task<base::Result<void>> resume(const Handover& left, const HandoverTicket& ticket);
    // Ends a start that waits for names, and a change that is being made; what was begun stands until stop().
    void give_up() { changes_.request(); }
    // Services drained and ended, requests in flight finished, everything closed; shortly after `deadline` at the
    // latest. The error says what did not end: then only the end of the process is left (the guard ends the services).
    [[nodiscard]] rt::Task<base::Result<void>> stop(base::TimePoint deadline, std::string reason);
    // Set by the admin API.
    [[nodiscard]] rt::Event& stop_asked() { return stop_asked_; }

    // What runs now; a change puts another in its place, so keep the pointer across a wait.
    [[nodiscard]] const LoadedPtr& manifest() const { return loaded_; }
    [[nodiscard]] std::vector<std::string> gateway_urls() const;
    [[nodiscard]] size_t cores() const { return plane_.cores(); }
    // The certificate of the authority behind `tls: local`, as a file; "" without.
    [[nodiscard]] const std::string& local_authority() const { return tls_.local_authority(); }

    // console::System
    rt::Task<console::StatusView> status() override;
    rt::Task<std::vector<console::ServiceView>> services() override;
    rt::Task<std::vector<console::RouteView>> routes() override;
    rt::Task<base::Result<console::Why>> why(std::string trace, bool colour) override;
    rt::Task<console::PlanResult> plan(std::string text, std::string file) override;
    rt::Task<console::PlanResult> apply(std::string text, std::string file, console::ProgressSink& sink) override;
    rt::Task<base::Result<void>> restart(std::string service, console::ProgressSink& sink) override;
    rt::Task<base::Result<void>> upgrade(std::string binary, console::ProgressSink& sink) override;
    std::vector<console::KeyView> keys() override;
    base::Result<std::string> create_key(console::NewKey key) override;
    base::Result<std::string> rotate_key(std::string name, base::Duration grace) override;
    base::Result<void> revoke_key(std::string name) override;
    void stop() override { stop_asked_.set(); }
    rt::Task<std::string> metrics() override;
    rt::Task<std::string> dump_tasks() override { return plane_.dump_tasks(); }
    base::Result<std::unique_ptr<console::LogSubscription>> subscribe(console::LogQuery query,
                                                                      console::LogSink& sink) override;

  private:
    // The start or a change has its turn; nothing else changes the system meanwhile.
    class Turn {
      public:
        explicit Turn(System& of) : of_(of) { of_.changing_ = true; }
        ~Turn() {
            of_.changing_ = false;
            of_.turn_over_.notify_all();
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

      private:
        System& of_;
    };
    // system.cpp
    [[nodiscard]] rt::Task<base::Result<void>> use_plane(const LoadedManifest& loaded);
    [[nodiscard]] rt::Task<void> watch_certificates();
    [[nodiscard]] base::Result<void> register_services(const LoadedManifest& loaded);
    [[nodiscard]] rt::Task<void> register_addresses(const LoadedManifest& loaded);
    [[nodiscard]] rt::Task<base::Result<std::vector<net::Address>>> resolve(std::string target, rt::Wait wait);
    [[nodiscard]] rt::Task<void> wait_for_addresses(const LoadedManifest& before, const LoadedManifest& now);
    [[nodiscard]] rt::Task<void> retire_addresses(const LoadedManifest& now);
    void retire_services(const LoadedManifest& before, const LoadedManifest& now);
    void run_background();
    [[nodiscard]] rt::Task<void> print_output();
    // system_changes.cpp
    [[nodiscard]] console::PlanView make_plan(const LoadedManifest& next) const;
    // Why no change can begin now, if none can.
    [[nodiscard]] base::Result<void> may_change() const;
    [[nodiscard]] rt::Task<base::Result<void>> carry_out(LoadedPtr next, console::ProgressSink& sink);
    [[nodiscard]] rt::Task<void> run_services(std::vector<supervisor::ServiceSpec> specs, console::ProgressSink& sink,
                                              std::string& failures);
    // system_upgrade.cpp
    [[nodiscard]] Handover make_handover(const std::vector<DataPlane::OpenSockets>& sockets) const;
    [[nodiscard]] base::Error hand_over(const std::string& binary, const Handover& left);
    [[nodiscard]] rt::Task<base::Result<void>> take_doors(const LoadedManifest& loaded, const Handover& left);
    void end_strays(const Handover& left, const HandoverTicket& ticket);
    [[nodiscard]] base::Result<void> restore_instances(const Handover& left);
    [[nodiscard]] rt::Task<base::Result<void>> former_ended(console::ProgressSink& sink);
    // system_keys.cpp
    [[nodiscard]] std::shared_ptr<gateway::ApiKeyStore> key_store();
    // system_views.cpp
    struct Counters {
        telemetry::MetricsData sum;
        bool whole = false;  // every core answered
    };
    [[nodiscard]] rt::Task<Counters> counters();
    [[nodiscard]] console::RouteView port_view(const gateway::TcpListenConfig& port) const;
    [[nodiscard]] rt::Task<void> meter_loop();

    SystemOptions options_;
    LoadedPtr loaded_;
    uint64_t revision_ = 0;
    base::WallTime started_ = base::wall_now();
    uint32_t upgrades_ = 0;       // of this run
    std::string upgraded_from_;   // the version before the last of them
    std::string upgrade_failed_;  // why the last one was taken back
    bool half_applied_ = false;   // what runs is no manifest that could be handed over
    std::string stopping_;
    bool changing_ = false;  // set by a Turn
    rt::Signal turn_over_;
    rt::Cancel changes_;  // no change goes on from here: stop() has begun

    base::HashKey cookie_secret_ = base::random_key();
    telemetry::NameTable names_;
    telemetry::SeriesTable series_;
    telemetry::RecordWords words_;
    TlsStore tls_;
    Acceleration acceleration_;
    gateway::PolicyHome policies_;
    DataPlane plane_;
    ProbeRunner probes_;
    registry::Registry registry_;
    RegistryBook book_;
    SidecarAddresses sidecars_;
    net::Resolver resolver_;
    supervisor::Supervisor supervisor_;
    console::AdminServer admin_;
    std::unique_ptr<AccessWriter> access_;
    FormerProgram former_;
    TrafficMeter meter_;
    std::map<std::string, net::Address> open_doors_;
    std::set<std::string> tls_doors_;  // keys of those that speak TLS
    rt::Event stop_asked_;
    rt::Cancel life_;
    rt::Gate gate_;
};

}  // namespace tl::app
