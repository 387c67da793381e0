#!/usr/bin/env python3
"""The documentation against the product: what a page says must be so.

An example in a fence marked "yaml test" is a whole manifest, given to `trunkline check`. Comments in it say more:
  # expect: TEXT           a line of what check prints holds TEXT; with ": error: " in it the manifest must be refused
  # default: key: value    `check --defaults` prints this line (notes of defaults apart)
  # file: NAME: CONTENT    a file beside the manifest
  # certificate: FILE NAMES   FILE.pem and FILE.key, signed by an authority of the test
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from kit import certificates  # noqa: E402

BINARY = os.environ.get("TRUNKLINE_BIN", str(ROOT / "build/release/bin/trunkline"))
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("src/*/README.md")),
         ROOT / "examples/shop/README.md"]
# Each feature has a page with an example that runs.
FEATURE_PAGES = ["manifest.md", "gateway.md", "services.md", "calls.md", "resilience.md", "hardening.md", "observe.md",
                 "change.md", "tls.md", "balancing.md", "traffic.md", "tcp.md", "grpc.md", "acceleration.md", "join.md",
                 "api_proxy.md", "graphql.md", "grpc_json.md", "import.md", "portal.md"]
MAPS = [DOCS / "life_of_a_request.md", DOCS / "architecture.md", *sorted(DOCS.glob("decisions/*.md"))]
FENCE = re.compile(r"^```yaml test\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(path):
    return path.read_text(encoding="utf-8")


def examples(page):
    """(line, text) of each manifest in a page."""
    text = read(page)
    return [(text.count("\n", 0, found.start()) + 1, found.group(1)) for found in FENCE.finditer(text)]


def notes(example, kind):
    return [line.split(f"# {kind}: ", 1)[1].strip() for line in example.splitlines()
            if line.lstrip().startswith(f"# {kind}: ")]


def check(folder, *arguments):
    return subprocess.run([BINARY, "check", "--manifest", str(folder / "trunkline.yaml"), *arguments],
                          capture_output=True, text=True, timeout=20, check=False)


def write_example(folder, example):
    (folder / "trunkline.yaml").write_text(example, encoding="utf-8")
    for note in notes(example, "file"):
        name, _, content = note.partition(": ")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content + "\n", encoding="utf-8")
    authority = None
    for note in notes(example, "certificate"):
        path, *names = note.split()
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        authority = authority or certificates.Authority(folder)
        authority.sign(path, *names)


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchor(heading):
    """As web views make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


class Examples(unittest.TestCase):
    def test_every_feature_page_and_the_readme_have_one(self):
        for page in [ROOT / "README.md", *(DOCS / name for name in FEATURE_PAGES)]:
            self.assertTrue(examples(page), page.name)

    def test_every_policy_has_a_page_with_one(self):
        schema = json.loads(subprocess.run([BINARY, "schema"], capture_output=True, text=True, timeout=20,
                                           check=True).stdout)
        policies = [name for name in schema["$defs"]["policies"]["properties"] if name != "off"]
        self.assertIn("cors", policies)
        for name in policies:
            self.assertTrue(examples(DOCS / f"policies/{name}.md"), name)
            self.assertIn(f"({name}.md)", read(DOCS / "policies/README.md"))

    def test_check_takes_each_and_says_what_the_page_says(self):
        for page in PAGES:
            for line, example in examples(page):
                with self.subTest(page=page.name, line=line), tempfile.TemporaryDirectory() as folder:
                    folder = pathlib.Path(folder)
                    write_example(folder, example)
                    done = check(folder)
                    said = done.stdout + done.stderr
                    expected = notes(example, "expect")
                    refused = any("error: " in text for text in expected)
                    self.assertEqual(done.returncode, 2 if refused else 0, said)
                    for text in expected:
                        self.assertIn(text, said)
                    if not expected:
                        self.assertEqual(done.stderr, "")

    def test_defaults_that_an_example_names_are_the_real_ones(self):
        for page in PAGES:
            for line, example in examples(page):
                wanted = notes(example, "default")
                if not wanted:
                    continue
                with self.subTest(page=page.name, line=line), tempfile.TemporaryDirectory() as folder:
                    folder = pathlib.Path(folder)
                    write_example(folder, example)
                    printed = [text.split("#")[0].strip() for text in check(folder, "--defaults").stdout.splitlines()]
                    for text in wanted:
                        self.assertIn(text, printed)


class Manifest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schema = json.loads(subprocess.run([BINARY, "schema"], capture_output=True, text=True, timeout=20,
                                               check=True).stdout)

    def resolved(self, node):
        if "$ref" not in node:
            return node
        return {**self.schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], **node}

    def keys_of(self, node, path=()):
        """(path, schema) of each key, maps of names and lists passed through."""
        node = self.resolved(node)
        for key, child in node.get("properties", {}).items():
            yield (*path, key), self.resolved(child)
            yield from self.keys_of(child, (*path, key))
        below = [node.get("items"), node.get("additionalProperties"), *node.get("anyOf", []), *node.get("oneOf", [])]
        for child in below:
            if isinstance(child, dict):
                yield from self.keys_of(child, path)

    def rows(self):
        """Section of the page -> {key as written there: its default}."""
        sections, section = {}, ""
        for line in read(DOCS / "manifest.md").splitlines():
            if line.startswith("## "):
                section = line[3:]
            found = re.match(r"\| `([\w.]+)` \|([^|]*)\|", line)
            if found:
                sections.setdefault(section, {})[found.group(1)] = found.group(2).strip()
        return sections

    @staticmethod
    def section_of(path):
        """Which section has a key, and how the key is written there."""
        if "policies" in path[:-1]:  # the same wherever policies stand
            return "Policies: `policies`", ".".join(path[path.index("policies") + 1:])
        if path[:2] == ("gateway", "routes") and len(path) > 2:
            return "A route: `gateway.routes[]`", ".".join(path[2:])
        if path[0] == "contexts" and len(path) > 1:
            return "A service: `contexts.CONTEXT.SERVICE`", ".".join(path[1:])
        if len(path) == 1:
            return "The manifest", path[0]
        return f"`{path[0]}`", ".".join(path[1:])

    def test_every_key_of_the_schema_is_on_the_page_and_no_other(self):
        rows = self.rows()
        known, missing = {}, []
        for path, node in self.keys_of(self.schema):
            section, key = self.section_of(path)
            known.setdefault(section, set()).add(key)
            # An object is there when one of its own keys is.
            if key in rows.get(section, {}) or any(row.startswith(key + ".") for row in rows.get(section, {})):
                continue
            missing.append(".".join(path))
        self.assertEqual(missing, [])
        self.assertGreater(sum(map(len, known.values())), 60)
        unknown = [f"{section}: {key}" for section, keys in rows.items() for key in keys
                   if key not in known.get(section, set())]
        self.assertEqual(unknown, [])

    def test_the_defaults_on_the_page_are_those_of_the_schema(self):
        rows, wrong, compared = self.rows(), [], 0
        for path, node in self.keys_of(self.schema):
            section, key = self.section_of(path)
            told = re.fullmatch(r"`([^`]*)`", rows.get(section, {}).get(key, ""))
            default = node.get("default")
            if isinstance(default, list):
                default = default[0] if len(default) == 1 else None
            if not told or default is None:
                continue
            compared += 1
            plain = told.group(1).strip('"')
            real = str(default).lower() if isinstance(default, bool) else str(default)
            if plain != real:
                wrong.append(f"{'.'.join(path)}: the page says {plain}, the schema {real}")
        self.assertEqual(wrong, [])
        self.assertGreater(compared, 25)


class Tables(unittest.TestCase):
    def test_every_cause_is_on_the_gateways_page_with_its_status(self):
        source = read(ROOT / "src/proxy/cause.cpp")
        causes = re.findall(r'\{"(\w+)", "[^"]*", (\d+)\}', source)
        page = read(DOCS / "gateway.md")
        told = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", page, re.MULTILINE))
        real = {code: status for code, status in causes if code != "none"}
        self.assertGreater(len(real), 10)
        self.assertEqual(told, real)

    def test_every_metric_is_on_the_page_and_no_other(self):
        sources = "".join(read(ROOT / "src" / name) for name in ["telemetry/prometheus.cpp", "app/system_views.cpp",
                                                                 "app/protection_summary.cpp", "app/acceleration.cpp",
                                                                 "gateway/policies/audit_counts.cpp"])
        real = set(re.findall(r'"(trunkline_\w+)"', sources))
        told = set(re.findall(r"`(trunkline_\w+)`", read(DOCS / "observe.md")))
        self.assertGreater(len(real), 15)
        self.assertEqual(told, real)

    def test_every_command_is_in_the_readme_or_on_the_page_of_commands(self):
        listed = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
        commands = re.findall(r"^  (\w+) {2,}\w", listed.split("ubcommands:")[-1], re.MULTILINE)
        self.assertIn("why", commands)
        page = read(DOCS / "commands.md")
        self.assertEqual([name for name in commands if f"## {name}" not in page], [])


class Maps(unittest.TestCase):
    """The pages that point into the sources: each file is there, and has what the page says it has."""
    PATH = re.compile(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+(?:\.[a-z]+)?/?)`")
    # A file, then the functions named behind it.
    PLACES = re.compile(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:cpp|h))`((?:(?: \(|, | )`[A-Za-z_]\w*(?:::\w+)*`)+)")

    @staticmethod
    def find(name):
        return next((base / name for base in (ROOT / "src", ROOT) if (base / name).exists()), None)

    def test_every_file_that_is_named_exists(self):
        missing, seen = [], 0
        for page in MAPS:
            for name in self.PATH.findall(without_code(read(page))):
                # A room's folder, or a file; `storage/` has its place reserved.
                known_suffix = name.endswith("/") or "." in name
                if not known_suffix or name == "storage/":
                    continue
                seen += 1
                if self.find(name) is None:
                    missing.append(f"{page.name}: {name}")
        self.assertEqual(missing, [])
        self.assertGreater(seen, 100)

    def test_every_function_that_is_named_is_in_its_file(self):
        missing, seen = [], 0
        for page in MAPS:
            for name, functions in self.PLACES.findall(without_code(read(page))):
                file = self.find(name)
                if file is None:
                    continue
                text = read(file)
                for function in re.findall(r"`([\w:]+)`", functions):
                    seen += 1
                    if function.rsplit("::", 1)[-1] not in text:
                        missing.append(f"{page.name}: {name} has no {function}")
        self.assertEqual(missing, [])
        self.assertGreater(seen, 60)

    def test_there_are_enough_answers_to_where_do_i_look(self):
        table = read(DOCS / "life_of_a_request.md").split("## I want to change", 1)[1]
        self.assertGreaterEqual(len(re.findall(r"^\| (?!I want|--)", table, re.MULTILINE)), 25)

    def test_every_room_is_on_the_map_and_has_a_page_of_its_own(self):
        rooms = [path.name for path in (ROOT / "src").iterdir() if path.is_dir()]
        page = read(DOCS / "architecture.md")
        self.assertEqual([room for room in rooms if f"| `{room}/` |" not in page], [])
        self.assertEqual([room for room in rooms if not (ROOT / "src" / room / "README.md").exists()], [])

    def test_every_link_leads_somewhere(self):
        broken, seen = [], 0
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
                if "://" in target:
                    continue
                seen += 1
                name, _, fragment = target.partition("#")
                file = (page.parent / name) if name else page
                if not file.exists():
                    broken.append(f"{page.name}: {target}")
                elif fragment and fragment not in map(anchor, re.findall(r"^#+ (.*)$", read(file), re.MULTILINE)):
                    broken.append(f"{page.name}: {target}")
        self.assertEqual(broken, [])
        self.assertGreater(seen, 30)


if __name__ == "__main__":
    unittest.main()
