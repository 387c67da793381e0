# deadline: 120
"""JSON to gRPC and back through the real binary: which method, which values, which status; what check finds."""
import base64
import shutil
import subprocess
import time
import unittest

import transcoding
from transcoding import JSON, ask, grpc, seen


def setUpModule():
    transcoding.start()


class Bindings(unittest.TestCase):
    def test_annotated_methods_take_path_query_and_body(self):
        for method, target, body, wanted in [
                ("GET", "/v1/orders/a%2Fb", None, ("Get", {"id": "a/b"})),
                ("GET", "/v1/shops/7/orders/8", None, ("Get", {"id": "shops/7/orders/8"})),
                ("GET", "/v1/files/a/b%2Fc/d%20e", None, ("Get", {"id": "a/b%2Fc/d e"})),
                ("GET", "/v1/files", None, ("Get", {})),
                ("PUT", "/v1/orders/7", {"totalCents": "5"}, ("Replace", {"id": "7", "totalCents": "5"})),
                ("PUT", "/v1/orders/7", {"id": "8"}, ("Replace", {"id": "7"})),
                ("PATCH", "/v1/orders/7?dry=true", {"state": "PAID"}, ("Change", {"order": {"id": "7", "state": "PAID"}, "dry": True})),
                ("POST", "/v1/shops/9/orders", {"gift": True}, ("Create", {"parent": "shops/9", "order": {"gift": True}})),
                ("PURGE", "/v1/orders/7", None, ("Purge", {"id": "7"}))]:
            with self.subTest(f"{method} {target}"):
                self.assertEqual(seen(method, target, body), wanted)

    def test_an_empty_answer_and_a_part_of_one(self):
        self.assertEqual(ask("DELETE", "/v1/orders/7")[1], {})
        self.assertEqual(ask("GET", "/v1/orders:find?numbers=3&numbers=-4")[1], [{"id": "3"}, {"id": "-4"}])
        self.assertEqual(ask("GET", "/v1/orders:find")[1], [])

    def test_the_query_reaches_nested_and_repeated_fields_of_every_kind(self):
        target = ("/v1/orders/7?page.size=5&page.token=a%26b+c&tags=x&tags=y&state=PAID&full=true&limit=3"
                  "&since=2026-01-02T03:04:05Z&numbers=1&numbers=2")
        self.assertEqual(seen("GET", target)[1], {
            "id": "7", "page": {"size": 5, "token": "a&b c"}, "tags": ["x", "y"], "state": "PAID", "full": True, "limit": 3,
            "since": "2026-01-02T03:04:05Z", "numbers": [1, 2]})
        self.assertEqual(seen("GET", "/v1/orders/7?state=2&state=1")[1]["state"], "PAID")

    def test_methods_without_annotation_are_at_their_own_path(self):
        answer, value = ask("POST", "/shop.Orders/Echo", {"totalCents": 5, "placed_at": "2026-01-02T03:04:05Z"})
        self.assertEqual((answer.status, answer.headers.get("Content-Type")), (200, "application/json"))
        self.assertEqual((value["total_cents"], value["placed_at"], value["gift"], value["tags"]),
                         ("5", "2026-01-02T03:04:05Z", False, []))  # defaults: true, names: proto
        self.assertEqual(ask("POST", "/shop.Orders/Echo")[1]["id"], "")

    def test_a_route_with_one_method(self):
        self.assertEqual(seen("GET", "/one/a%20b?tags=x"), ("Get", {"id": "a b", "tags": ["x"]}))
        self.assertEqual(seen("POST", "/one/7?full=true", {"state": 1}), ("Get", {"id": "7", "state": "PAID", "full": True}))
        self.assertEqual(seen("POST", "/two/7/p", {"dry": True}), ("Create", {"order": {"id": "7"}, "parent": "p", "dry": True}))

    def test_fields_that_the_manifest_says_are_nobody_elses(self):
        sent = {"order": {"pickup": "mine", "id": "mine", "gift": True}}
        self.assertEqual(seen("POST", "/two/7/p", sent, [*JSON, ("X-Place", "theirs")])[1],
                         {"order": {"id": "7", "pickup": "theirs", "gift": True}, "parent": "p"})
        self.assertEqual(seen("POST", "/two/7/p", sent)[1], {"order": {"id": "7", "gift": True}, "parent": "p"})
        self.assertEqual(ask("POST", "/two/7/p?order.id=8&order.pickup=a", {})[1]["violations"],
                         ['"order.id" is said by the path', '"order.pickup" is said by the gateway alone'])

    def test_what_is_not_there_is_told(self):
        answer, problem = ask("GET", "/v1/nothing")
        self.assertEqual((answer.status, problem["cause"]), (404, "no_route"), problem)
        self.assertIn("no method of shop is at GET /v1/nothing", problem["detail"])
        answer, problem = ask("POST", "/v1/orders/7", {})
        self.assertEqual(answer.status, 405, problem)
        self.assertEqual(set(answer.headers.get("Allow").split(", ")), {"GET", "PUT", "PATCH", "DELETE", "PURGE"})
        self.assertEqual(transcoding.running.ask("HEAD", "/v1/orders/7").status, 405)
        self.assertEqual(ask("POST", "/shop.Orders/Upload", {})[0].status, 404)
        self.assertEqual(ask("POST", "/shop.Orders/Get", {})[0].status, 404)  # annotated, so it is there alone

    def test_metadata_goes_both_ways(self):
        answer, value = ask("GET", "/v1/orders/7", headers=[("X-Tenant", "blue"), ("Accept", "application/json")])
        self.assertEqual(value["metadata"]["x-tenant"], "blue")
        self.assertNotIn("accept", value["metadata"])
        self.assertEqual(answer.headers.get("x-service"), "shop")
        self.assertFalse([name for name in answer.headers.names() if name.startswith("grpc-")])


class Values(unittest.TestCase):
    def test_every_kind_of_field_comes_back_as_it_went(self):
        order = {"id": "\u00e4\u20ac\U0001f600", "state": "SENT", "items": [{"sku": "a", "quantity": -1, "part": {"sku": "b"}}],
                 "totalCents": "-9223372036854775808", "weight": 1.5, "gift": True, "seal": base64.b64encode(b"\x00\xff\xfe").decode(),
                 "placedAt": "2026-01-02T03:04:05.000000006Z", "counts": {"a": 1, "": 2}, "extra": {"x": [1, None, {"y": "z"}]},
                 "parcel": "p", "tags": ["a", ""], "serial": "18446744073709551615", "limit": 7, "history": ["NEW", "PAID"],
                 "patience": "1.500s", "mask": "a,bC", "value": None, "small": 4294967295, "ratio": 0.5, "byNumber": {"-1": {"sku": "m"}},
                 "anything": {"@type": "type.googleapis.com/shop.Page", "size": 3}}
        answer, value = ask("POST", "/lax/shop.Orders/Echo", order)
        self.assertEqual(answer.status, 200, value)
        self.assertEqual(value, order)

    def test_other_spellings_of_the_same_values(self):
        for given, field, wanted in [({"total_cents": 7}, "totalCents", "7"), ({"totalCents": "7"}, "totalCents", "7"),
                                     ({"weight": "Infinity"}, "weight", "Infinity"), ({"weight": 3}, "weight", 3),
                                     ({"state": 1}, "state", "PAID"), ({"state": 77}, "state", 77), ({"small": 7.0}, "small", 7),
                                     ({"seal": "_-8"}, "seal", "/+8="), ({"seal": "AA"}, "seal", "AA=="), ({"small": 1e3}, "small", 1000),
                                     ({"serial": "0", "id": "x"}, "id", "x"), ({"tags": None, "id": "y"}, "id", "y")]:
            with self.subTest(given):
                self.assertEqual(ask("POST", "/lax/shop.Orders/Echo", given)[1][field], wanted)

    def refused(self, body, *words, target="/shop.Orders/Echo", headers=None):
        answer, problem = ask("POST", target, body, headers)
        self.assertEqual((answer.status, problem["cause"]), (400, "invalid_request"), problem)
        for word in words:
            self.assertIn(word, " | ".join(problem.get("violations", [problem["detail"]])))
        return problem

    def test_wrong_values_are_told_with_their_place(self):
        for body, words in [
                ({"colour": 1}, '"colour" is no field of shop.Order'), ({"totalCent": 1}, 'did you mean "totalCents"?'),
                ({"items": [{"sku": "a"}, {"quantity": "x"}]}, '"items[1].quantity" must be an integer of 32 bits'),
                ({"items": [{"qty": 1}]}, '"items[0].qty" is no field of shop.Item'), ({"items": {}}, '"items" must be a list'),
                ({"items": [None]}, '"items[0]" must not be null'), ({"id": 7}, '"id" must be a string'),
                ({"gift": "true"}, '"gift" must be true or false'), ({"gift": 1}, '"gift" must be true or false'),
                ({"small": -1}, '"small" must be an integer of 32 bits, not negative'), ({"small": 4294967296}, '"small"'),
                ({"small": 1.5}, '"small"'), ({"totalCents": 9223372036854775808}, '"totalCents" must be an integer of 64 bits'),
                ({"totalCents": "1e3"}, '"totalCents"'), ({"serial": "18446744073709551616"}, '"serial"'), ({"ratio": 1e39}, '"ratio"'),
                ({"seal": "!!"}, '"seal" must be base64'), ({"seal": "AAA=A"}, '"seal"'), ({"seal": "A"}, '"seal"'), ({"seal": 5}, '"seal"'),
                ({"state": "PAYED"}, '"state" must be one of shop.State; did you mean PAID?'), ({"state": 1.5}, '"state"'),
                ({"placedAt": "yesterday"}, '"placedAt" is no google.protobuf.Timestamp'), ({"counts": [1]}, '"counts" must be an object'),
                ({"counts": {"a": "b"}}, 'counts["a"]'), ({"byNumber": {"x": {}}}, 'byNumber["x"]'),
                ({"pickup": "a", "parcel": "b"}, 'only one of "way" may be given'), ({"totalCents": 1, "total_cents": 2}, "is given twice"),
                ({"anything": {"@type": "type.googleapis.com/no.Such"}}, '"anything"'), ({"extra": 5}, '"extra"'), ([1], "must be an object")]:
            with self.subTest(body):
                self.refused(body, words)

    def test_all_that_is_wrong_is_told_at_once(self):
        problem = self.refused({"a": 1, "b": 2, "id": 3}, '"a" is no field', '"b" is no field', '"id" must be a string')
        self.assertIn("(and 2 more)", problem["detail"])
        self.assertEqual(len(self.refused({f"x{i}": 1 for i in range(1000)})["violations"]), 20)

    def test_bodies_that_are_no_json(self):
        for body in (b"{", b"{'a': 1}", b"{\"id\": \"\xff\"}", b"{\"id\": 1,}", b"{\"weight\": 1e999}", b"nul", b"{\"id\": NaN}", b"{}{}"):
            with self.subTest(body):
                self.refused(body, "no JSON")
        self.refused(b'{"items":' + b"[" * 100000, "nested more than 64 deep")
        self.refused(b'{"extra":' + b'{"a":' * 65 + b"1" + b"}" * 66, "nested more than 64 deep")
        deep = b'{"items":[{"part":' + b'{"part":' * 50 + b"{}" + b"}" * 50 + b"}]}"
        self.assertEqual(ask("POST", "/lax/shop.Orders/Echo", deep)[0].status, 200)

    def test_bodies_of_another_kind_or_size(self):
        for headers, status in [([("Content-Type", "text/plain")], 415), ([("Content-Type", "application/x-protobuf")], 415),
                                ([*JSON, ("Content-Encoding", "gzip")], 415), ([("Content-Type", "application/JSON; charset=utf-8")], 200),
                                ([("Content-Type", "application/vnd.shop+json")], 200), ([], 200)]:
            with self.subTest(headers):
                self.assertEqual(ask("POST", "/lax/shop.Orders/Echo", b"{}", headers)[0].status, status)
        self.assertEqual(ask("PUT", "/v1/orders/7", {"tags": ["x" * 70000]})[0].status, 413)
        answer, problem = ask("DELETE", "/v1/orders/7", {"id": "7"})
        self.assertEqual((answer.status, problem["detail"]), (400, "shop.Orders/Delete takes no body"))

    def test_parameters_that_are_wrong(self):
        for target, words in [("/v1/orders/7?colour=1", '"colour" is no field of shop.GetRequest'), ("/v1/orders/7?page.sise=1", "page.sise"),
                              ("/v1/orders/7?page.size=x", '"page.size" must be an integer of 32 bits'), ("/v1/orders/7?page=1", '"page" is no single value'),
                              ("/v1/orders/7?id=8", '"id" is said by the path'), ("/v1/orders/7?full=1", '"full" must be true or false'),
                              ("/v1/orders/7?id.x=8", '"id.x"'), ("/v1/orders/7?since=now", '"since" is no google.protobuf.Timestamp'),
                              ("/v1/orders/%FF", '"id" is no UTF-8'), ("/v1/orders/7?" + "&".join(["tags=a"] * 1100), "too many parameters")]:
            with self.subTest(target[:60]):
                answer, problem = ask("GET", target)
                self.assertEqual((answer.status, problem["cause"]), (400, "invalid_request"), problem)
                self.assertIn(words, " | ".join(problem["violations"]))
        answer, problem = ask("PUT", "/v1/orders/7?gift=true", {})
        self.assertIn('"gift" belongs into the body', problem["violations"][0])
        answer, problem = ask("PATCH", "/v1/orders/7?order.gift=true", {})
        self.assertIn('"order.gift" is said by the body', problem["violations"][0])

    def test_unknown_names_may_be_ignored(self):
        self.assertEqual(ask("POST", "/lax/shop.Orders/Echo", {"colour": 1, "items": [{"sku": "a", "x": {}}]})[1], {"items": [{"sku": "a"}]})
        self.assertEqual(seen("GET", "/lax/v1/orders/7?utm=1&page.x=2"), ("Get", {"id": "7"}))


class Statuses(unittest.TestCase):
    MAPPING = {1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503,
               15: 500, 16: 401}

    def test_every_status_has_one_of_http(self):
        for code, status in self.MAPPING.items():
            with self.subTest(code):
                answer, problem = ask("POST", "/shop.Orders/Fail", {"code": code, "message": "as asked: \u00e4 100%"})
                name = next(one.name for one in grpc.StatusCode if one.value[0] == code)
                self.assertEqual((answer.status, problem["status"], problem["grpc_status"]), (status, status, name))
                self.assertEqual(problem["detail"], "as asked: \u00e4 100%")
                self.assertEqual(problem["type"], "urn:trunkline:grpc:" + name.lower())
                self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")

    def test_details_are_members(self):
        answer, problem = ask("POST", "/shop.Orders/Fail", {"code": 14, "message": "later", "details": True})
        self.assertEqual(answer.status, 503)
        self.assertEqual(problem["details"], [
            {"@type": "type.googleapis.com/google.rpc.BadRequest",
             "fieldViolations": [{"field": "items[0].sku", "description": "is sold out"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.500s"},
            {"@type": "type.googleapis.com/nowhere.Type", "value": "AP8="},
            {"@type": "type.googleapis.com/shop.Page", "token": "next"}])
        self.assertEqual(answer.headers.get("Retry-After"), "3")

    def test_why_tells_the_call_and_its_end(self):
        answer, _ = ask("POST", "/shop.Orders/Fail", {"code": 5})
        said = transcoding.running.cli("why", answer.headers.get("X-Trace-Id")).stdout
        self.assertIn("shop.Orders/Fail: not_found", said)

    def test_the_time_of_the_route_is_the_calls(self):
        left = float(ask("POST", "/shop.Orders/Left", {})[1]["request"])
        self.assertTrue(1 < left <= 2, left)
        began = time.monotonic()
        answer, problem = ask("POST", "/shop.Orders/Fail", {"pause_ms": 8000})
        self.assertEqual(answer.status, 504, problem)
        self.assertLess(time.monotonic() - began, 4)

    def test_what_may_be_sent_twice_is_so_by_the_method_of_http(self):
        self.assertEqual([ask("GET", "/twice/v1/orders/7")[0].status for _ in range(20)], [200] * 20)
        self.assertEqual(set(ask("PATCH", "/twice/v1/orders/7", {})[0].status for _ in range(20)), {200, 503})

    def test_refusals_of_our_own_stay_problem_details(self):
        answer, problem = ask("GET", "/dead")
        self.assertEqual((answer.status, problem["cause"]), (502, "upstream_connect_failed"), problem)

    def test_a_call_of_grpc_is_told_where_it_is(self):
        with grpc.insecure_channel(f"127.0.0.1:{transcoding.running.port}") as channel:
            with self.assertRaises(grpc.RpcError) as failed:
                channel.unary_unary("/shop.Orders/Echo")(b"", timeout=5)
        self.assertEqual(failed.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn("takes JSON", failed.exception.details())


class Checked(unittest.TestCase):
    def said(self, old, new, code=2):
        text = transcoding.running.manifest.read_text().replace(old, new)
        self.assertNotEqual(text, transcoding.running.manifest.read_text(), old)
        (transcoding.running.folder / "wrong.yaml").write_text(text)
        done = transcoding.running.cli("check", "--manifest", "wrong.yaml")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_mistakes_are_found_before_anything_runs(self):
        one = "grpc: { descriptors: shop.pb, method: shop.Orders/Get }"
        for old, new, words in [
                (one, one.replace("shop.pb", "nowhere.pb"), "nowhere.pb"),
                (one, one.replace("shop.pb", "trunkline.yaml"), "trunkline.yaml cannot be used: it is no descriptor set"),
                (one, one.replace("Get", "Gett"), "the descriptors have no method shop.Orders/Gett; did you mean shop.Orders/Get?"),
                (one, one.replace("Get", "Upload"), "shop.Orders/Upload takes a stream of messages"),
                (one, one.replace("shop.Orders/Get", "Get"), "is no method's name"),
                (one, one.replace("method: shop.Orders/Get", "services: [shop.Orders]"), "no method lies below /one/{id}"),
                (one, one.replace("method:", "services: [x.Y], method:"), 'either "method" or "services"'),
                (one, one.replace("method:", "colour: 1, method:"), 'unknown key "colour"'),
                ("/one/{id}", "/one/{it}", "{it} of /one/{it} is no field: shop.GetRequest has no \"it\""),
                ("order.id:", "order.idd:", '"order.idd" is no field: shop.Order has no "idd"; did you mean "id"?'),
                ("{path.it}", "{path.its}", "{path.its} is no part of the path"),
                ("/one/{id}", "/one/{tags}", "is a list, and a path has one value"),
                ("/one/{id}", "/one/{page}", "is a message (shop.Page)"),
                ("services: [shop.Orders], most", "services: [shop.Order], most", "no service shop.Order; did you mean shop.Orders?"),
                ("path: /v1/*", "path: /v2/*", "none of the methods lies below /v2"),
                ("\"/one/{id}\", to: shop,", "\"/one/{id}\", to: shop, rewrite: /x,", '"rewrite" does nothing beside'),
                ("dead: { address: \"127.0.0.1:9\", protocol: http2,", "dead: { address: \"127.0.0.1:9\",", "it has no protocol: http2")]:
            with self.subTest(new):
                said = self.said(old, new)
                self.assertIn(words, said)
                self.assertRegex(said, r"wrong\.yaml:\d+:\d+: error: ")

    def test_mistakes_of_the_annotations_are_found(self):
        proto = (transcoding.HERE / "protos/shop.proto").read_text(encoding="utf-8")
        folder = transcoding.running.folder / "protos"
        for old, new, words in [
                ('get: "/v1/orders/{id}"', 'get: "/v1/orders/{ide}"', "shop.Orders/Get: {ide} of its path /v1/orders/{ide} is no field"),
                ('get: "/v1/orders/{id}"', 'get: "v1/orders/{id}"', 'its path v1/orders/{id} must begin with "/"'),
                ('get: "/v1/orders/{id}"', 'get: "/v1/{id=**}/x"', 'has "**" before its end'),
                ('body: "order" };\n  }\n  rpc Replace', 'body: "oder" };\n  }\n  rpc Replace', 'its body "oder" is no field'),
                ('response_body: "orders"', 'response_body: "order"', 'its response_body "order" is no field'),
                ('delete: "/v1/orders/{id}"', 'get: "/v1/orders/{state}"', "shop.Orders/Get and shop.Orders/Delete take the same requests")]:
            with self.subTest(new):
                self.assertIn(old, proto)
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(transcoding.HERE / "protos", folder)
                (folder / "shop.proto").write_text(proto.replace(old, new), encoding="utf-8")
                subprocess.run([transcoding.PROTOC, f"-I{folder}", "--include_imports", f"--descriptor_set_out={transcoding.running.folder / 'wrong.pb'}",
                                "shop.proto"], check=True, timeout=30)
                said = self.said("path: /v1/*, to: shop, timeout: 5s, grpc: { descriptors: shop.pb",
                                 "path: /v1/*, to: shop, timeout: 5s, grpc: { descriptors: wrong.pb")
                self.assertIn(words, said)

    def test_a_set_without_its_imports_is_told(self):
        subprocess.run([transcoding.PROTOC, f"-I{transcoding.HERE / 'protos'}", f"--descriptor_set_out={transcoding.running.folder / 'wrong.pb'}", "shop.proto"],
                       check=True, timeout=30)
        self.assertIn("make the set with protoc --include_imports",
                      self.said("/broken, to: broken, timeout: 1s, grpc: { descriptors: shop.pb",
                                "/broken, to: broken, timeout: 1s, grpc: { descriptors: wrong.pb"))


if __name__ == "__main__":
    unittest.main()
