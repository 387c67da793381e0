"""The corpus of manifests: every mistake has its exact diagnosis, every good manifest passes without a word.

A case is manifests/broken/NAME.yaml with NAME.expected (what `trunkline check` says, a line a mistake), or
manifests/good/NAME.yaml. To add one, write both by hand; a changed message shows up as a difference here.
"""
import json
import pathlib
import random
import re
import shutil
import tempfile
import unittest

import system

CORPUS = pathlib.Path(__file__).parent / "manifests"
BROKEN = sorted((CORPUS / "broken").glob("*.yaml"))
GOOD = sorted((CORPUS / "good").glob("*.yaml"))
DIAGNOSIS = re.compile(r"[\w.]+\.yaml(:\d+:\d+)?: (error|warning): \S.*\Z|and \d+ more\Z")
# Every key of the manifest's schema must be in what --defaults prints: these stand for all levels.
KEYS = ["system", "mode", "grace", "gateway", "listen", "threads", "trust_forwarded", "limits", "head", "headers", "target",
        "body", "connections", "timeouts", "write", "idle", "routes", "contexts", "telemetry", "access_log", "records",
        "admin", "ports", "first", "last"]
SERVICE_KEYS = ["run", "dir", "env", "env_files", "secrets", "replicas", "version", "database", "grace", "start_deadline",
                "restart", "reset_after", "crash_loop_after", "cpu", "memory", "address", "health", "interval", "timeout",
                "starting", "healthy_after", "unhealthy_after", "status", "panic_threshold", "passive", "failures", "window",
                "retry_after", "calls", "stream_idle", "retry", "attempts"]


def check(path, *arguments):
    return system.run("check", "--manifest", path, *arguments, cwd=path.parent, timeout=10)


def said(done):
    """The diagnoses, on whichever stream; not the closing line."""
    return [line for line in (done.stdout + done.stderr).splitlines() if DIAGNOSIS.match(line)]


class Corpus(unittest.TestCase):
    def test_it_is_large_enough_and_every_broken_manifest_has_its_diagnosis(self):
        self.assertGreaterEqual(len(BROKEN), 45)
        self.assertGreaterEqual(len(GOOD), 8)
        self.assertEqual([p.name for p in BROKEN if not p.with_suffix(".expected").exists()], [])

    def test_every_broken_manifest_gets_exactly_its_diagnosis(self):
        for path in BROKEN:
            with self.subTest(path.stem):
                expected = path.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
                done = check(path)
                self.assertEqual(said(done), expected)
                errors = any(": error: " in line for line in expected)
                self.assertEqual(done.returncode, 2 if errors else 0)
                # Whatever else is printed is one closing line, not a crash.
                rest = [line for line in (done.stdout + done.stderr).splitlines() if not DIAGNOSIS.match(line)]
                self.assertLessEqual(len(rest), 2, rest)

    def test_every_good_manifest_passes_without_a_word_but_ok(self):
        for path in GOOD:
            with self.subTest(path.stem):
                done = check(path)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(said(done), [])
                self.assertLessEqual(len(done.stdout.splitlines()), 1)
                self.assertIn("ok", done.stdout)

    def test_json_says_the_same(self):
        for path in [*BROKEN[::3], *GOOD[::3]]:
            with self.subTest(path.stem):
                done = check(path, "--json")
                answer = json.loads(done.stdout)
                expected = path.with_suffix(".expected")
                lines = expected.read_text(encoding="utf-8").splitlines() if expected.exists() else []
                listed = [d for d in answer["diagnostics"]]
                self.assertEqual([self.line_of(path.name, d) for d in listed], [x for x in lines if not x.startswith("and ")])
                self.assertEqual(answer["errors"] > 0, done.returncode == 2)
                self.assertEqual(answer["errors"] + answer["warnings"], len(listed) + answer["more"])

    @staticmethod
    def line_of(file, one):
        place = f"{file}:{one['line']}:{one['column']}" if "line" in one else file
        return f"{place}: {one['severity']}: {one['message']}" + (f"; {one['hint']}" if "hint" in one else "")


class Defaults(unittest.TestCase):
    def test_the_manifest_with_its_defaults_passes_and_prints_itself_again(self):
        for path in GOOD:
            with self.subTest(path.stem), tempfile.TemporaryDirectory() as folder:
                shutil.copytree(CORPUS / "good" / "files", pathlib.Path(folder) / "files")
                printed = check(path, "--defaults")
                self.assertEqual((printed.returncode, printed.stderr), (0, ""))
                copy = pathlib.Path(folder) / path.name
                copy.write_text(printed.stdout, encoding="utf-8")
                self.assertEqual(check(copy).returncode, 0, check(copy).stdout + check(copy).stderr)
                again = check(copy, "--defaults")
                self.assertEqual(self.values(again.stdout), self.values(printed.stdout))

    @staticmethod
    def values(text):
        return [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]

    def test_every_default_is_spelled_out(self):
        printed = check(CORPUS / "good/one_service.yaml", "--defaults").stdout
        for key in KEYS + SERVICE_KEYS:
            with self.subTest(key):
                self.assertRegex(printed, rf"(?m)^\s*(- |# ?)?{key}:")
        self.assertIn("# default", printed)
        self.assertRegex(printed, r"(?m)^\s+head: 32KB")

    def test_a_broken_manifest_has_no_defaults_to_print(self):
        done = check(CORPUS / "broken/unknown_key_at_top.yaml", "--defaults")
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("system: shop", done.stdout)


class Schema(unittest.TestCase):
    def test_it_is_json_schema_with_the_keys_of_the_manifest(self):
        done = system.run("schema")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        schema = json.loads(done.stdout)
        self.assertIn("$schema", schema)
        text = json.dumps(schema)
        for key in KEYS + SERVICE_KEYS:
            self.assertIn(f'"{key}"', text)
        self.assertTrue(all(self.resolves(schema, ref) for ref in re.findall(r'"\$ref": "#/([^"]+)"', text)))

    @staticmethod
    def resolves(schema, ref):
        for part in ref.split("/"):
            if part not in schema:
                return False
            schema = schema[part]
        return True


class NothingBreaksIt(unittest.TestCase):
    def test_no_damaged_manifest_makes_it_crash_or_hang(self):
        dice = random.Random(20)
        with tempfile.TemporaryDirectory() as folder:
            for number in range(60):
                text = bytearray(dice.choice(BROKEN + GOOD).read_bytes() or b"a")
                for _ in range(dice.randint(1, 6)):
                    at = dice.randrange(len(text))
                    damage = dice.choice([b"", b"{", b"}", b"[", b"*", b"&a ", b"\t", b"\n", b": ", b"'", b'"', b"\xff", b"\0", b"- "])
                    text[at:at + dice.randint(0, 3)] = damage
                    text = text or bytearray(b"a")
                path = pathlib.Path(folder) / "trunkline.yaml"
                path.write_bytes(bytes(text))
                with self.subTest(number):
                    self.assertIn(check(path).returncode, (0, 2), bytes(text))

    def test_what_is_no_manifest_is_said_so(self):
        with tempfile.TemporaryDirectory() as folder:
            missing = system.run("check", cwd=folder)
            self.assertIn(missing.returncode, (1, 2))
            self.assertIn("trunkline.yaml", missing.stderr)
            named = system.run("check", "--manifest", "nowhere.yaml", cwd=folder)
            self.assertIn(named.returncode, (1, 2))
            self.assertIn("nowhere.yaml", named.stderr)
            self.assertIn(system.run("check", "--manifest", folder, cwd=folder).returncode, (1, 2))
            large = pathlib.Path(folder) / "large.yaml"
            large.write_bytes(b"# " + b"a" * (2 << 20))
            self.assertIn(system.run("check", "--manifest", large, cwd=folder).returncode, (1, 2))

    def test_up_refuses_a_broken_manifest_and_starts_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "trunkline.yaml").write_text(
                "system: shop\ncontexts:\n  a:\n    one: { run: touch started, replicas: many }\n", encoding="utf-8")
            done = system.run("up", cwd=folder, timeout=10)
            self.assertEqual(done.returncode, 2)
            self.assertIn("trunkline.yaml:4:", done.stderr + done.stdout)
            self.assertFalse((pathlib.Path(folder) / "started").exists())


if __name__ == "__main__":
    unittest.main()
