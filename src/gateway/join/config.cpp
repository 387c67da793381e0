#include "gateway/join/config.h"

#include <nlohmann/json.hpp>

#include "codec/http1.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::boolean;
using manifest::integer;
using manifest::list_of;
using manifest::map_of;
using manifest::text;

namespace {

std::optional<std::string> check_path(std::string_view path) {
    if (path.starts_with('/') && path.find('?') == std::string_view::npos) return std::nullopt;
    return "must begin with \"/\" and have no query; \"query\" is for that";
}

std::optional<std::string> check_method(std::string_view method) {
    for (const std::string_view known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
        if (method == known) return std::nullopt;
    }
    return "must be GET, HEAD, POST, PUT, PATCH or DELETE";
}

std::optional<std::string> check_header(std::string_view name) {
    const codec::Field field = codec::lookup_field(name);
    if (!codec::is_token(name)) return "is no header name";
    switch (field) {
        case codec::Field::connection:
        case codec::Field::content_length:
        case codec::Field::expect:
        case codec::Field::host:
        case codec::Field::keep_alive:
        case codec::Field::te:
        case codec::Field::trailer:
        case codec::Field::transfer_encoding:
        case codec::Field::upgrade: return "is a field of the connection, which Trunkline writes itself";
        default: return std::nullopt;
    }
}

std::optional<std::string> check_json(std::string_view json) {
    if (nlohmann::json::accept(json)) return std::nullopt;
    return "is no JSON";
}

const manifest::Object<JoinCallConfig>& call_schema() {
    static const auto schema =
        manifest::Object<JoinCallConfig>("a call")
            .position(&JoinCallConfig::at)
            .field("to", &JoinCallConfig::to, manifest::dns_label("a service's name"))
            .required()
            .doc("The service that is asked.")
            .field("path", &JoinCallConfig::path, text("a path such as /users/{path.id}").check(check_path))
            .required()
            .doc(
                "What is asked for: with {path.NAME}, {query.NAME}, {claim.NAME} ... of the request, and {CALL.FIELD} "
                "of "
                "the answer to another call, which is then made first.")
            .example("/users/{order.customer}")
            .field("method", &JoinCallConfig::method, text("a method").check(check_method))
            .doc("How it is asked.")
            .field("query", &JoinCallConfig::query,
                   map_of(text("a value").any_scalar()).names(text("a parameter")).at_most(32))
            .doc("Query parameters; values as in the path.")
            .field("headers", &JoinCallConfig::headers,
                   map_of(text("a value").any_scalar()).names(text("a header's name").check(check_header)).at_most(32))
            .doc("Headers of the call; values as in the path.")
            .field("body", &JoinCallConfig::body, boolean())
            .doc("Send the client's body along.")
            .field("optional", &JoinCallConfig::optional, boolean())
            .doc("The answer is good without it: null in its place.")
            .field("fallback", &JoinCallConfig::fallback, text("JSON, in quotes").any_scalar().check(check_json))
            .doc("What stands in its place when it fails; makes it optional.")
            .example("'[]'")
            .field("each", &JoinCallConfig::each, text("an array such as {order.items}"))
            .doc(
                "One call for each item of an array of another call's answer; the path names the item as {item.FIELD}.")
            .example("\"{order.items}\"")
            .field("parallel", &JoinCallConfig::parallel, integer().range(1, 64))
            .doc("Calls of an `each` at a time.")
            .field("take", &JoinCallConfig::take, text("a way such as data.items"))
            .doc("That part of the answer instead of the whole.")
            .default_is("the whole")
            .field("pick", &JoinCallConfig::pick, list_of(text("a field's name")).unique().or_single().at_most(64))
            .doc("Only these paths of it, such as id and customer.name; of a list, of each of its items.")
            .field("drop", &JoinCallConfig::drop,
                   list_of(text("a path such as user.password")).unique().or_single().at_most(64))
            .doc("These paths of it go.")
            .field("rename", &JoinCallConfig::rename,
                   map_of(text("a new name")).names(text("a path such as user.name")).at_most(64))
            .doc("Path to the new name of its last member.")
            .field("merge", &JoinCallConfig::merge, boolean())
            .doc("Its fields stand in the answer itself, not under the call's name.")
            .field("most", &JoinCallConfig::most, manifest::size().range(1, 64 << 20))
            .doc("Bytes of its answer; a longer one has failed.")
            .field("timeout", &JoinCallConfig::timeout, manifest::duration().range(1ms, 1h))
            .doc("How long it may take, within the route's timeout.")
            .default_is("the route's timeout");
    return schema;
}

}  // namespace

const manifest::Object<JoinConfig>& join_schema() {
    static const auto schema =
        manifest::Object<JoinConfig>("a joined answer")
            .position(&JoinConfig::at)
            .field("calls", &JoinConfig::calls,
                   map_of(call_schema()).names(text("a call's name").at_most(64)).at_least(1).at_most(32))
            .required()
            .doc("The calls by name. Those that need nothing of each other are made at the same time.")
            .field("collisions", &JoinConfig::collisions,
                   manifest::one_of<Collision>({{"error", Collision::error},
                                                {"first", Collision::first},
                                                {"prefix", Collision::prefix},
                                                {"deep", Collision::deep}}))
            .doc(
                "When merged calls have a field of the same name: error (502), first (in the order written), prefix "
                "(CALL_FIELD "
                "for the later one), deep (objects are merged, else first).")
            .field("missing", &JoinConfig::missing, text("a field's name"))
            .doc("A field of the answer that lists the calls whose part is missing.")
            .default_is("none: the header X-Trunkline-Complete tells")
            .field("most_items", &JoinConfig::most_items, integer().range(1, 1000))
            .doc("Items of an array that an `each` takes; with more the call has failed.");
    return schema;
}

}  // namespace tl::gateway
