// `trunkline keys`: API keys of the running system.
#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/client_commands.h"
#include "app/cli/table.h"
#include "base/text.h"
#include "console/request_target.h"

namespace tl::app {

using console::Json;

namespace {

std::string text_of(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// "2024-05-01T14:55:59.025Z" to the minute; "never" where there is none.
std::string minute_of(const Json& json, const char* key) {
    std::string text = text_of(json, key).substr(0, 16);
    if (text.size() == 16) text[10] = ' ';
    return text.empty() ? "never" : text;
}

std::string words_of(const Json& json, const char* key) {
    std::vector<std::string> words;
    if (const auto found = json.find(key); found != json.end() && found->is_array()) {
        for (const Json& one : *found) words.push_back(one.is_string() ? one.get<std::string>() : "");
    }
    return base::join(words, " ");
}

std::string show_keys(const Json& json, bool colour) {
    Table table{{{"NAME"}, {"KEY"}, {"PLAN"}, {"SCOPES"}, {"ROLES"}, {"CREATED (UTC)"}, {"LAST USE"}, {"REMARK"}}};
    const auto keys = json.find("keys");
    if (keys == json.end() || !keys->is_array()) return {};
    for (const Json& key : *keys) {
        const std::string former = text_of(key, "former_until");
        table.add({{text_of(key, "name"), Tone::strong},
                   {fmt::format("tlk_{}_...", text_of(key, "id"))},
                   {text_of(key, "plan")},
                   {words_of(key, "scopes")},
                   {words_of(key, "roles")},
                   {minute_of(key, "created")},
                   {minute_of(key, "used")},
                   {former.empty() ? "" : fmt::format("the former one ends {}", minute_of(key, "former_until"))}});
    }
    return table.empty() ? "There are no API keys; 'trunkline keys create NAME' makes one.\n" : table.print(colour);
}

std::string target_of(const KeysChoice& choice) {
    const std::string name = "/v1/keys/" + console::percent_encode(choice.name);
    if (choice.action == "rotate") return name + "/rotate?grace=" + console::percent_encode(choice.grace);
    return choice.action == "revoke" ? name + "/revoke" : "/v1/keys";
}

// The key alone goes to standard output, so that a script can take it; what to know of it stands beside.
void print_made(const Session& session, const KeysChoice& choice, const Json& made) {
    session.terminal.print(text_of(made, "key") + "\n");
    if (!session.terminal.interactive) return;
    session.terminal.print(choice.action == "rotate"
                               ? fmt::format("The former key of {} is valid for {} more. ", choice.name, choice.grace)
                               : "");
    session.terminal.print("It is shown this one time: only its hash is kept.\n");
}

}  // namespace

rt::Task<int> keys_command(Session& session, KeysChoice choice) {
    if (choice.action == "list") {
        const auto body = co_await session.client.get(target_of(choice));
        if (!body) co_return report(session, body.error());
        const auto json = parse_answer(*body);
        if (!json) co_return report(session, json.error());
        session.terminal.print(session.json ? *body : show_keys(*json, session.terminal.colour));
        co_return kOk;
    }
    std::string wanted;
    if (choice.action == "create") {
        wanted =
            Json{{"name", choice.name}, {"plan", choice.plan}, {"scopes", choice.scopes}, {"roles", choice.roles}}.dump(
                -1, ' ', false, Json::error_handler_t::replace);
    }
    const auto body = co_await session.client.post(target_of(choice), std::move(wanted));
    if (!body) co_return report(session, body.error());
    const auto json = parse_answer(*body);
    if (!json) co_return report(session, json.error());
    if (session.json) {
        session.terminal.print(*body);
    } else if (choice.action == "revoke") {
        session.terminal.print(fmt::format("the key of {} is revoked\n", choice.name));
    } else {
        print_made(session, choice, *json);
    }
    co_return kOk;
}

}  // namespace tl::app
