#include "app/local_authority.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "app/tls_files.h"
#include "base/log.h"
#include "net/issuer.h"

namespace tl::app {

namespace {

using namespace std::chrono_literals;

constexpr base::Duration kClockSkew = 1h;  // other machines' clocks may be behind

// Its name tells authorities of several systems and machines apart in a browser's list.
std::string authority_name(const LocalFiles& files) {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    const auto system = std::filesystem::path{files.folder}.parent_path().parent_path().filename().string();
    return fmt::format("Trunkline local ({} on {})", system, host.data()).substr(0, 64);
}

base::Result<void> make_new_authority(const LocalFiles& files, base::WallTime now) {
    auto made = net::make_authority(authority_name(files), {now - kClockSkew, now + kAuthorityLives});
    if (!made) return base::fail(std::move(made.error()));
    TL_TRY(write_file(files.authority_key(), made->key, 0600));
    TL_TRY(write_file(files.authority(), made->certificate, 0644));
    TL_LOG(info, "tls", "made a local authority: {}", files.authority());
    return {};
}

// The authority as it is; a new one only if there is none or its time is over, for people have trusted the old one.
base::Result<net::IssuedCertificate> authority(const LocalFiles& files, base::WallTime now) {
    const bool there = std::filesystem::exists(files.authority()) && std::filesystem::exists(files.authority_key());
    if (!there) TL_TRY(make_new_authority(files, now));
    auto known = load_credential(files.authority(), files.authority_key());
    if (known && (*known)->facts().until < now + kLeafLives) {
        TL_TRY(make_new_authority(files, now));
        known = load_credential(files.authority(), files.authority_key());
    }
    if (!known) {
        return base::fail(known.error().code, fmt::format("{}; remove {} and a new authority is made",
                                                          known.error().context, files.folder));
    }
    ::chmod(files.authority_key().c_str(), 0600);
    auto certificate = read_pem(files.authority());
    auto key = read_pem(files.authority_key());
    if (!certificate) return base::fail(std::move(certificate.error()));
    if (!key) return base::fail(std::move(key.error()));
    return net::IssuedCertificate{std::move(*certificate), std::move(*key)};
}

bool is_good(const LocalFiles& files, const std::vector<std::string>& names, const net::IssuedCertificate& authority,
             base::WallTime now) {
    const auto leaf = load_credential(files.leaf(), files.leaf_key());
    const auto text = read_pem(files.leaf());
    return leaf && text && text->ends_with(authority.certificate) && (*leaf)->facts().names == names &&
           (*leaf)->facts().until > now + kLeafRenewed && (*leaf)->facts().from <= now;
}

}  // namespace

LocalFiles local_files(const std::string& state_dir) { return {state_dir + "/tls"}; }

base::Result<void> prepare_local(const LocalFiles& files, const std::vector<std::string>& names, base::WallTime now) {
    if (::mkdir(files.folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return base::fail(base::from_errno(errno, "create " + files.folder));
    }
    const auto signer = authority(files, now);
    if (!signer) return base::fail(signer.error());
    if (is_good(files, names, *signer, now)) return {};
    const auto issued = net::issue_certificate(*signer, names, {now - kClockSkew, now + kLeafLives});
    if (!issued) return base::fail(issued.error());
    TL_TRY(write_file(files.leaf_key(), issued->key, 0600));
    return write_file(files.leaf(), issued->certificate, 0644);
}

}  // namespace tl::app
