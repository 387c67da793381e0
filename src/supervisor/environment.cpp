#include "supervisor/environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "supervisor/run_state.h"

namespace tl::supervisor {

namespace {

constexpr size_t kMostFile = size_t{1} << 20;

struct FileText {
    std::string text;
    bool readable_by_others = false;
};

base::Result<FileText> read_file(const std::string& path, std::string_view what) {
    const auto failed = [&] { return base::fail(base::from_errno(errno, fmt::format("read the {} {}", what, path))); };
    // Not blocking, for the file may be a pipe that nobody writes to.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return failed();
    FileText out;
    struct stat about{};
    if (::fstat(fd, &about) == 0) out.readable_by_others = (about.st_mode & S_IROTH) != 0;
    out.text.resize(kMostFile + 1);
    size_t size = 0;
    for (ssize_t got = 0; (got = ::read(fd, out.text.data() + size, out.text.size() - size)) != 0;) {
        if (got < 0) {
            const auto error = failed();
            ::close(fd);
            return error;
        }
        size += static_cast<size_t>(got);
    }
    ::close(fd);
    if (size > kMostFile) return base::fail(base::Code::too_large, fmt::format("the {} {} is over 1 MB", what, path));
    out.text.resize(size);
    out.text.shrink_to_fit();
    return out;
}

bool is_name(std::string_view name) {
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

// What stands behind the closing quote must be nothing, or a comment.
bool is_rest(std::string_view rest) {
    rest = base::trim(rest);
    return rest.empty() || rest.front() == '#';
}

std::optional<std::string> unquote_double(std::string_view raw) {
    std::string out;
    for (size_t i = 1; i < raw.size(); ++i) {
        if (raw[i] == '"') return is_rest(raw.substr(i + 1)) ? std::optional{std::move(out)} : std::nullopt;
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            out += raw[i];
            continue;
        }
        const char next = raw[++i];
        if (next == 'n')
            out += '\n';
        else if (next == 't')
            out += '\t';
        else if (next == '"' || next == '\\' || next == '$')
            out += next;
        else
            (out += '\\') += next;
    }
    return std::nullopt;
}

// The value behind "=", or nothing if a quote is not closed as it should.
std::optional<std::string> unquote(std::string_view raw) {
    if (raw.starts_with('"')) return unquote_double(raw);
    if (raw.starts_with('\'')) {
        const size_t end = raw.find('\'', 1);
        if (end == std::string_view::npos || !is_rest(raw.substr(end + 1))) return std::nullopt;
        return std::string{raw.substr(1, end - 1)};
    }
    const size_t comment = raw.find(" #");
    return std::string{base::trim(raw.substr(0, comment))};
}

base::Result<std::optional<std::pair<std::string, std::string>>> parse_line(std::string_view line) {
    line = base::trim(line);
    if (line.empty() || line.front() == '#') return std::nullopt;
    if (line.starts_with("export ")) line = base::trim(line.substr(7));
    const size_t equals = line.find('=');
    // The line itself is never shown: it may hold a password.
    if (equals == std::string_view::npos) return base::fail(base::Code::invalid, "expected NAME=value");
    const std::string_view name = base::trim(line.substr(0, equals));
    if (!is_name(name)) {
        return base::fail(base::Code::invalid,
                          "the name before = may hold letters, digits and _ only, and no digit first");
    }
    auto value = unquote(base::trim(line.substr(equals + 1)));
    if (!value) return base::fail(base::Code::invalid, fmt::format("the quotes of {} are not closed at its end", name));
    if (value->find('\0') != std::string::npos) {
        return base::fail(base::Code::invalid, fmt::format("the value of {} holds a zero byte", name));
    }
    return std::pair{std::string{name}, std::move(*value)};
}

// Variables in order of their first mention; the last word counts.
class Collected {
  public:
    void set(std::string name, std::string value) {
        const auto known = std::ranges::find(all_, name, &Variables::value_type::first);
        if (known == all_.end()) {
            all_.emplace_back(std::move(name), std::move(value));
        } else {
            known->second = std::move(value);
        }
    }
    void set_all(Variables variables) {
        for (auto& [name, value] : variables) set(std::move(name), std::move(value));
    }
    [[nodiscard]] std::vector<std::string> entries() const {
        std::vector<std::string> out;
        out.reserve(all_.size());
        for (const auto& [name, value] : all_) out.push_back(fmt::format("{}={}", name, value));
        return out;
    }

  private:
    Variables all_;
};

base::Result<void> add_files(const ServiceSpec& spec, Collected& out) {
    for (const std::string& file : spec.run.env_files) {
        const std::string path = from_folder(spec.folder, file);
        const auto text = read_file(path, "environment file");
        if (!text) return base::fail(text.error());
        auto variables = parse_env_file(text->text, path);
        if (!variables) return base::fail(std::move(variables.error()));
        out.set_all(std::move(*variables));
    }
    return {};
}

base::Result<void> add_secrets(const ServiceSpec& spec, Collected& out, std::vector<std::string>& warnings) {
    for (const auto& [name, file] : spec.run.secrets) {
        const std::string path = from_folder(spec.folder, file);
        auto secret = read_file(path, "secret file");
        if (!secret) return base::fail(std::move(secret.error()));
        std::string& text = secret->text;
        if (text.ends_with('\n')) text.pop_back();
        if (text.ends_with('\r')) text.pop_back();
        if (text.find('\0') != std::string::npos) {
            return base::fail(base::Code::invalid, fmt::format("the secret file {} holds a zero byte", path));
        }
        if (secret->readable_by_others) {
            warnings.push_back(
                fmt::format("the secret file {} can be read by every user; run: chmod 600 {}", path, path));
        }
        out.set(name.value, std::move(text));
    }
    return {};
}

void add_calls(const ServiceSpec& spec, CallAddresses& addresses, Collected& out) {
    for (const std::string& callee : spec.calls) {
        std::string url = addresses.url_for(spec.name, callee);
        if (!url.empty()) out.set(url_variable(callee), std::move(url));
    }
    for (const CallAddresses::TcpDoor& door : addresses.tcp_doors(spec.name)) {
        const std::string name = variable_prefix(door.callee);
        out.set(name + "_ADDRESS", fmt::format("{}:{}", door.host, door.port));
        out.set(name + "_HOST", door.host);
        out.set(name + "_PORT", fmt::to_string(door.port));
    }
    const std::string proxy = addresses.proxy_for(spec.name);
    if (proxy.empty()) return;
    for (const char* name : {"HTTP_PROXY", "http_proxy"}) out.set(name, proxy);
    for (const char* name : {"NO_PROXY", "no_proxy"}) out.set(name, "localhost,127.0.0.1,::1");
}

base::Result<void> add_database(const ServiceSpec& spec, Collected& out) {
    if (spec.run.database.empty()) return {};
    const std::string path = from_folder(spec.folder, spec.run.database);
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), failed);
    if (failed)
        return base::fail(base::from_errno(failed.value(), fmt::format("make the folder of the database {}", path)));
    out.set("DATABASE", path);
    return {};
}

}  // namespace

base::Result<Variables> parse_env_file(std::string_view text, std::string_view file) {
    Variables out;
    size_t number = 0;
    for (std::string_view line : base::split(text, '\n')) {
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        auto variable = parse_line(line);
        if (!variable) {
            variable.error().context = fmt::format("{}:{}: {}", file, number, variable.error().context);
            return base::fail(std::move(variable.error()));
        }
        if (*variable) out.push_back(std::move(**variable));
    }
    return out;
}

base::Result<Environment> make_environment(const ServiceSpec& spec, const InstanceFacts& facts,
                                           const std::vector<std::string>& inherited, CallAddresses& addresses) {
    Environment made;
    Collected all;
    for (const std::string& entry : inherited) {
        const size_t equals = entry.find('=');
        if (equals != std::string::npos && equals > 0) all.set(entry.substr(0, equals), entry.substr(equals + 1));
    }
    TL_TRY(add_files(spec, all));
    for (const auto& [name, value] : spec.run.env) all.set(name.value, value);
    TL_TRY(add_secrets(spec, all, made.warnings));
    TL_TRY(add_database(spec, all));
    add_calls(spec, addresses, all);
    all.set("PORT", std::to_string(facts.port));
    all.set("HOST", "127.0.0.1");
    all.set("SERVICE", spec.name);
    all.set("INSTANCE", facts.id);
    all.set("VERSION", spec.run.version);
    all.set(kRunVariable, facts.run_id);
    made.entries = all.entries();
    return made;
}

std::string variable_prefix(std::string_view service) {
    std::string out;
    for (const char c : service) {
        const bool is_lower = c >= 'a' && c <= 'z';
        out += c == '-' || c == '.' ? '_' : is_lower ? static_cast<char>(c - 32) : c;
    }
    return out;
}

std::string url_variable(std::string_view service) { return variable_prefix(service) + "_URL"; }

std::string from_folder(const std::string& folder, const std::string& path) {
    return (std::filesystem::path{folder} / path).lexically_normal().string();
}

std::string fingerprint_files(const ServiceSpec& spec) {
    uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    const auto mix = [&hash](std::string_view bytes) {
        for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
    };
    const auto mix_file = [&](const std::string& file) {
        const auto text = read_file(from_folder(spec.folder, file), "file");
        mix(text ? fmt::format("{} {}\n", file, text->text.size()) : fmt::format("{} -\n", file));
        if (text) mix(text->text);
    };
    for (const std::string& file : spec.run.env_files) mix_file(file);
    for (const auto& [name, file] : spec.run.secrets) mix_file(file);
    return base::hex64(hash);
}

}  // namespace tl::supervisor
