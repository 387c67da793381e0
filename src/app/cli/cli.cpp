#include "app/cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

#include "app/cli/client_commands.h"
#include "app/version.h"
#include "base/text.h"
#include "base/units.h"
#include "rt/loop.h"

namespace tl::app {

namespace {

// Everything that arguments can say; each command reads its own part.
struct Arguments {
    bool json = false;
    std::string manifest;
    ColourChoice colour = ColourChoice::automatic;
    bool defaults = false;
    bool once = false;
    std::string every = "1s";
    bool follow = false;
    size_t tail = 100;
    std::vector<std::string> services;
    std::string service;
    std::string trace;
    std::string timeout = "1m";
    std::string binary;
    std::string file;
    std::string effective;  // the path of a request
    std::string method = "GET";
    std::string host;
    std::string format;  // of what is imported
    std::string to;
    std::optional<std::string> base;
    KeysChoice keys;
};

struct Command {
    const char* name;
    const char* about;
    const char* example;
};

constexpr Command kUp{"up", "Start the system of the manifest; Ctrl-C ends it",
                      "  trunkline up\n  trunkline up --manifest shop/trunkline.yaml"};
constexpr Command kStatus{"status", "The system at a glance, live on a terminal",
                          "  trunkline status\n  trunkline status --once --json"};
constexpr Command kServices{"services", "Services and each of their instances",
                            "  trunkline services\n  trunkline services orders payments"};
constexpr Command kRoutes{"routes", "The gateway's routes in the order in which they are tried",
                          "  trunkline routes\n  trunkline routes --effective /api/orders/7 --method POST"};
constexpr Command kQuotas{"quotas", "Who has used how much of its quota, as it was last saved",
                          "  trunkline quotas\n  trunkline quotas --json"};
constexpr Command kLogs{"logs", "Output of the services", "  trunkline logs --tail 20 orders\n  trunkline logs -f"};
constexpr Command kWhy{"why", "What happened to one request: every hop, attempt and cause",
                       "  curl -si http://127.0.0.1:8080/api/orders | grep -i x-trace-id\n  trunkline why 4bf92f35"};
constexpr Command kRestart{"restart", "Restart a service, one instance after the other, losing no request",
                           "  trunkline restart orders"};
constexpr Command kCheck{"check", "Find all mistakes of the manifest, without starting anything",
                         "  trunkline check\n  trunkline check --defaults"};
constexpr Command kSchema{"schema", "The JSON Schema of the manifest, for editors",
                          "  trunkline schema > trunkline.schema.json"};
constexpr Command kImport{"import",
                          "A manifest from another gateway's file, or lines for it from what describes an API",
                          "  trunkline import kong kong.yml > trunkline.yaml\n"
                          "  trunkline import krakend krakend.json > trunkline.yaml\n"
                          "  trunkline import openapi orders.openapi.yaml --to orders >> routes.yaml"};
constexpr Command kPlan{"plan", "What 'apply' would add, remove, change and restart", "  trunkline plan"};
constexpr Command kApply{"apply", "Bring the running system to what the manifest says now", "  trunkline apply"};
constexpr Command kUpgrade{"upgrade", "Go on as another version of Trunkline, losing no request and no service",
                           "  ./trunkline-0.2.0 upgrade\n  trunkline upgrade --binary /opt/trunkline-0.2.0"};
constexpr Command kTakeOver{"take-over", "Whether this program could take over from one that runs", ""};
constexpr Command kKeys{"keys", "API keys for the gateway: create, list, rotate, revoke",
                        "  trunkline keys create partner --plan gold --scope orders:read\n  trunkline keys list\n"
                        "  trunkline keys rotate partner --grace 48h\n  trunkline keys revoke partner"};
constexpr Command kStop{"stop", "End the system and all that it runs", "  trunkline stop"};
constexpr Command kVersion{"version", "The version of this program", "  trunkline version --json"};

// The parser and its commands. Built for each run: CLI11 keeps its results in here and in `arguments`.
class Parser {
  public:
    Parser();
    // An exit code when there is nothing more to do (help, or a mistake that has been told).
    [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv, const Terminal& terminal);
    [[nodiscard]] std::string command() const { return app_.get_subcommands().front()->get_name(); }

    Arguments arguments;

  private:
    CLI::App* add(const Command& command);
    void add_queries();
    void add_changes();
    void add_keys();
    [[nodiscard]] std::string explain(const CLI::ParseError& error, int argc, const char* const* argv) const;
    [[nodiscard]] std::vector<std::string> names() const;

    CLI::App app_{"Trunkline: gateway, registry, mesh and supervisor of a microservices system, in one program."};
};

Parser::Parser() {
    app_.name("trunkline");
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Print this help and end");
    app_.set_version_flag("-V,--version", std::string{"trunkline "} + std::string{version()},
                          "Print the version and end");
    app_.footer(
        "Example:\n  trunkline up          start what trunkline.yaml describes\n"
        "  trunkline status      watch it\n\n'trunkline COMMAND --help' tells more about a command.");
    add(kUp);
    add_queries();
    add_changes();
    add_keys();
    add(kVersion);
}

// A command with the options that all of them share.
CLI::App* Parser::add(const Command& command) {
    static const std::map<std::string, ColourChoice> kColours{
        {"auto", ColourChoice::automatic}, {"always", ColourChoice::always}, {"never", ColourChoice::never}};
    CLI::App* sub = app_.add_subcommand(command.name, command.about);
    sub->add_flag("--json", arguments.json, "Answer in JSON, for programs");
    sub->add_option("-m,--manifest", arguments.manifest,
                    "The manifest (default: trunkline.yaml here or in the nearest folder above)")
        ->type_name("FILE");
    sub->add_option("--color,--colour", arguments.colour, "auto, always or never; NO_COLOR is honoured")
        ->transform(CLI::CheckedTransformer(kColours, CLI::ignore_case).description(""))
        ->type_name("WHEN");
    sub->footer(fmt::format("Example:\n{}", command.example));
    return sub;
}

void Parser::add_queries() {
    CLI::App* status = add(kStatus);
    status->add_flag("--once", arguments.once, "Print it once, also on a terminal");
    status->add_option("--every", arguments.every, "Time between two drawings (default 1s)")->type_name("TIME");
    add(kServices)->add_option("service", arguments.services, "Only these")->type_name("SERVICE");
    CLI::App* routes = add(kRoutes);
    CLI::Option* effective = routes
                                 ->add_option("--effective", arguments.effective,
                                              "Instead: the policies that hold for this path, by the manifest")
                                 ->type_name("PATH");
    routes->add_option("--method", arguments.method, "Of the request (default GET)")
        ->needs(effective)
        ->type_name("METHOD");
    routes->add_option("--host", arguments.host, "Of the request (default: none)")->needs(effective)->type_name("HOST");
    add(kQuotas);
    CLI::App* logs = add(kLogs);
    logs->add_flag("-f,--follow", arguments.follow, "Go on with what comes, until Ctrl-C");
    logs->add_option("-n,--tail", arguments.tail, "Begin with so many lines from the past (default 100)")
        ->check(CLI::Range(size_t{0}, console::AdminApi::kMostTail).description(""))
        ->type_name("LINES");
    logs->add_option("service", arguments.services, "Only these (default: all)")->type_name("SERVICE");
    add(kWhy)
        ->add_option("trace", arguments.trace, "The trace id, or its first digits; answers carry it in X-Trace-Id")
        ->required()
        ->type_name("TRACE");
}

void Parser::add_changes() {
    CLI::App* check = add(kCheck);
    check->add_flag("--defaults", arguments.defaults, "Print the manifest with every default spelled out");
    add(kSchema);
    CLI::App* import = add(kImport);
    import
        ->add_option("format", arguments.format, "kong (declarative, 1.1 to 3.0), krakend (3) or openapi (3.0 or 3.1)")
        ->required()
        ->check(CLI::IsMember({"kong", "krakend", "openapi"}).description(""))
        ->type_name("FORMAT");
    import->add_option("file", arguments.file, "The file")->required()->type_name("FILE");
    import->add_option("--to", arguments.to, "Of openapi: the service that the routes lead to")->type_name("SERVICE");
    import
        ->add_option("--base", arguments.base,
                     "Of openapi: in front of the paths (default: the path of the document's server)")
        ->type_name("PATH");
    add(kPlan);
    add(kApply);
    add(kRestart)->add_option("service", arguments.service, "The service")->required()->type_name("SERVICE");
    add(kUpgrade)
        ->add_option("--binary", arguments.binary, "The program that is to run (default: this one)")
        ->type_name("PATH");
    // Not for people: asked by the program that runs.
    add(kTakeOver)->group("")->add_option("file", arguments.file)->required();
    add(kStop)
        ->add_option("--timeout", arguments.timeout, "How long to wait for the end (default 1m)")
        ->type_name("TIME");
}

void Parser::add_keys() {
    CLI::App* keys = add(kKeys);
    KeysChoice& choice = arguments.keys;
    keys->add_option("action", choice.action, "create, list, rotate or revoke")
        ->required()
        ->check(CLI::IsMember({"create", "list", "rotate", "revoke"}).description(""))
        ->type_name("ACTION");
    keys->add_option("name", choice.name, "Whose key it is (not for list)")->type_name("NAME");
    keys->add_option("--plan", choice.plan, "Of create: the plan, for limits and quotas")->type_name("PLAN");
    keys->add_option("--scope", choice.scopes, "Of create: what it may do; several times")
        ->allow_extra_args(false)
        ->type_name("SCOPE");
    keys->add_option("--role", choice.roles, "Of create: a role; several times")
        ->allow_extra_args(false)
        ->type_name("ROLE");
    keys->add_option("--grace", choice.grace, "Of rotate: how long the former key is valid (default 24h)")
        ->type_name("TIME");
}

std::vector<std::string> Parser::names() const {
    std::vector<std::string> all;
    for (const CLI::App* sub : app_.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); }))
        all.push_back(sub->get_name());
    return all;
}

// The sentence for a mistake in the arguments, with the nearest name where one was mistyped.
std::string Parser::explain(const CLI::ParseError& error, int argc, const char* const* argv) const {
    const auto chosen = app_.get_subcommands();
    if (chosen.empty()) {
        if (argc < 2) return "say what to do: a command is missing; 'trunkline --help' lists them";
        return no_such("command", argv[1], names());
    }
    const CLI::App* sub = chosen.front();
    const std::string help = fmt::format("; see 'trunkline {} --help'", sub->get_name());
    const std::vector<std::string> extra = app_.remaining(true);
    if (extra.empty()) return error.what() + help;
    if (!extra.front().starts_with('-')) {
        return fmt::format("'{}' takes no \"{}\"{}", sub->get_name(), base::printable(extra.front(), 64), help);
    }
    std::vector<std::string> options;
    for (const CLI::Option* option : sub->get_options()) {
        for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    }
    const std::string_view near = base::nearest(extra.front(), options);
    return fmt::format("'{}' has no option {}{}{}", sub->get_name(), base::printable(extra.front(), 64),
                       near.empty() ? "" : fmt::format("; did you mean {}?", near), near.empty() ? help : "");
}

std::optional<int> Parser::parse(int argc, const char* const* argv, const Terminal& terminal) {
    try {
        app_.parse(argc, argv);
        return std::nullopt;
    } catch (const CLI::Success& help) {
        std::ostringstream text;
        app_.exit(help, text, text);
        terminal.print(text.str());
        return kOk;
    } catch (const CLI::ParseError& error) {
        terminal.complain(explain(error, argc, argv));
        return kBadInput;
    }
}

int print_version(const Arguments& arguments, const Terminal& terminal) {
    if (arguments.json) {
        terminal.print(console::Json{{"name", "trunkline"}, {"version", version()}, {"compiler", __VERSION__}}.dump() +
                       "\n");
    } else {
        terminal.print(fmt::format("trunkline {}\n", version()));
    }
    return kOk;
}

int complain(const Terminal& terminal, bool json, std::string_view cause, const std::string& sentence) {
    if (json) {
        terminal.print(console::Json{{"cause", cause}, {"detail", sentence}}.dump(2) + "\n");
    } else {
        terminal.complain(sentence);
    }
    return kBadInput;
}

rt::Task<int> client_command(const std::string& name, Session& session, const Arguments& arguments,
                             base::Duration every, base::Duration timeout) {
    if (name == kStatus.name) {
        const bool live = session.terminal.interactive && !arguments.once && !arguments.json;
        return status_command(session, {.live = live, .every = every});
    }
    if (name == kServices.name) return services_command(session, arguments.services);
    if (name == kRoutes.name) return routes_command(session);
    if (name == kLogs.name) return logs_command(session, {arguments.services, arguments.tail, arguments.follow});
    if (name == kWhy.name) return why_command(session, arguments.trace);
    if (name == kPlan.name) return plan_command(session);
    if (name == kApply.name) return apply_command(session);
    if (name == kKeys.name) return keys_command(session, arguments.keys);
    if (name == kUpgrade.name) return upgrade_command(session, arguments.binary);
    if (name == kRestart.name) return restart_command(session, arguments.service);
    return stop_command(session, timeout);
}

rt::Task<void> keep_code(rt::Task<int> task, int& code) { code = co_await std::move(task); }

int run_client(const std::string& name, const Arguments& arguments, Project project, const Terminal& terminal) {
    const auto every = base::parse_duration(arguments.every);
    const auto timeout = base::parse_duration(arguments.timeout);
    if (!every || *every < std::chrono::milliseconds{100}) {
        return complain(terminal, arguments.json, "invalid", "--every takes a time of at least 100ms, as in 1s");
    }
    if (!timeout) return complain(terminal, arguments.json, "invalid", "--timeout takes a time, as in 30s or 1m");
    if (name == kKeys.name && (arguments.keys.action == "list") != arguments.keys.name.empty()) {
        return complain(terminal, arguments.json, "invalid",
                        arguments.keys.name.empty() ? "say whose key, as in 'trunkline keys create partner'"
                                                    : "'keys list' takes no name");
    }
    Session session{.client = Client{std::move(project)}, .terminal = terminal, .json = arguments.json};
    rt::Loop loop;
    int code = kFailed;
    loop.run_until_done(keep_code(client_command(name, session, arguments, *every, *timeout), code));
    return code;
}

// Calls a local command.
template <class Options>
int call(int (*command)(const Options&), const Options& options, const std::string& name, const Terminal& terminal) {
    if (command != nullptr) return command(options);
    return complain(terminal, options.json, "not_built", fmt::format("this program was built without '{}'", name));
}

int dispatch(const std::string& name, const Arguments& arguments, const LocalCommands& local,
             const Terminal& terminal) {
    if (name == kVersion.name) return print_version(arguments, terminal);
    if (name == kSchema.name) return call(local.schema, SchemaOptions{.json = arguments.json}, name, terminal);
    if (name == kTakeOver.name) {
        return call(local.take_over, TakeOverOptions{.file = arguments.file, .json = arguments.json}, name, terminal);
    }
    if (name == kImport.name) {
        const ImportOptions options{.format = arguments.format,
                                    .file = arguments.file,
                                    .to = arguments.to,
                                    .base = arguments.base,
                                    .json = arguments.json};
        return call(local.import, options, name, terminal);
    }
    std::error_code ignored;
    auto project = find_project(arguments.manifest, std::filesystem::current_path(ignored).string());
    if (!project) return complain(terminal, arguments.json, "no_manifest", project.error().context);
    if (name == kUp.name) {
        const UpOptions options{.project = *project, .json = arguments.json, .colour = terminal.colour};
        return call(local.up, options, name, terminal);
    }
    if (name == kCheck.name) {
        const CheckOptions options{
            .project = *project, .defaults = arguments.defaults, .json = arguments.json, .colour = terminal.colour};
        return call(local.check, options, name, terminal);
    }
    if (name == kRoutes.name && !arguments.effective.empty()) {
        const EffectiveOptions options{.project = *project,
                                       .path = arguments.effective,
                                       .method = arguments.method,
                                       .host = arguments.host,
                                       .json = arguments.json};
        return call(local.effective, options, name, terminal);
    }
    if (name == kQuotas.name) {
        const QuotasOptions options{.project = *project, .json = arguments.json, .colour = terminal.colour};
        return call(local.quotas, options, name, terminal);
    }
    return run_client(name, arguments, std::move(*project), terminal);
}

}  // namespace

std::string no_such(std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
    const std::string_view near = base::nearest(name, known);
    const std::string rest = !near.empty()   ? fmt::format("did you mean \"{}\"?", near)
                             : known.empty() ? fmt::format("there are none")
                                             : fmt::format("there is {}", base::join(known, ", "));
    return fmt::format("there is no {} \"{}\"; {}", kind, base::printable(name, 64), rest);
}

int run(int argc, const char* const* argv, const LocalCommands& local, Terminal terminal) {
    Parser parser;
    const std::optional<int> done = parser.parse(argc, argv, terminal);
    if (done) return *done;
    terminal.choose(parser.arguments.colour);
    return dispatch(parser.command(), parser.arguments, local, terminal);
}

}  // namespace tl::app
