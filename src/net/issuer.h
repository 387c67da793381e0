// Makes certificates: an authority of our own, and certificates that it signs. For development on one machine
// (`tls: local`), where no other authority would sign for "localhost". Pure: text in, text out; whoever calls keeps the
// files, and keeps the keys to itself. Any thread; a key takes about a millisecond.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace tl::net {

// Both in PEM form.
struct IssuedCertificate {
    std::string certificate;
    std::string key;
};

struct Validity {
    base::WallTime from;
    base::WallTime until;
};

// A root with a key on P-256: it may sign for servers and clients, not for other authorities.
[[nodiscard]] base::Result<IssuedCertificate> make_authority(const std::string& name, Validity valid);

// A certificate for `names` (hosts, "*.host", IP addresses), at least one, signed by `authority`; the authority's own
// certificate stands behind it in the text.
[[nodiscard]] base::Result<IssuedCertificate> issue_certificate(const IssuedCertificate& authority,
                                                                const std::vector<std::string>& names, Validity valid);

}  // namespace tl::net
