// All TLS of the running system: makes what doors and upstreams need from the manifest and its files, keeps it as long
// as nothing has changed, and looks for files that have. A file that is broken, or that does not fit the others yet,
// leaves what runs as it is. Control core; owned by System.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/manifest_model.h"
#include "app/plane_builder.h"
#include "net/tls.h"

namespace tl::app {

// A certificate in use.
struct ShownCertificate {
    std::string used_by;  // "gateway", "to payments"
    std::string file;
    net::CertificateFacts facts;
    std::string problem;  // why a newer file is not used; "" if all is well
};

class TlsStore {
  public:
    explicit TlsStore(std::string state_dir) : state_dir_(std::move(state_dir)) {}

    // What `loaded` wants, anew where its files or its words differ from last time. The error names what cannot be
    // used; what runs stays as it is.
    [[nodiscard]] base::Result<PlaneTls> load(const LoadedManifest& loaded);
    // The same as last time.
    [[nodiscard]] const PlaneTls& current() const { return current_; }
    // Looks at the files: true when something was made anew. Changes the keys of session tickets when their time comes.
    [[nodiscard]] bool refresh(base::WallTime now);

    [[nodiscard]] std::vector<ShownCertificate> certificates() const;
    // Of `tls: local`, to be trusted by who wants; "" without.
    [[nodiscard]] const std::string& local_authority() const { return local_authority_; }

  private:
    // One TlsServer or TlsClient, with what it was made of.
    template <class T>
    struct Made {
        std::string rule;                // of the manifest, in one text
        std::vector<std::string> files;  // that it was read from
        std::string stamp;               // of the files, when last looked at
        base::WallTime renew = base::WallTime::max();
        std::shared_ptr<const T> now;
        std::vector<ShownCertificate> shown;
        std::string problem;
        std::function<base::Result<void>(Made&)> make;
    };
    using Server = Made<net::TlsServer>;
    using Client = Made<net::TlsClient>;

    [[nodiscard]] Server server_of(const LoadedManifest& loaded, std::vector<std::string> alpn) const;
    [[nodiscard]] static Client client_of(const std::string& folder, const NamedService& service);
    template <class T>
    [[nodiscard]] static base::Result<void> take(Made<T>& known, Made<T> wanted);
    template <class T>
    [[nodiscard]] static bool look_again(Made<T>& known, base::WallTime now);
    void note();

    std::string state_dir_;
    net::TicketKeysPtr tickets_;
    base::WallTime rotate_ = base::WallTime::max();
    Server server_;
    Server tcp_server_;  // of ports of TCP: only while there are some
    std::map<std::string, Client> clients_;
    PlaneTls current_;
    std::string local_authority_;
};

}  // namespace tl::app
