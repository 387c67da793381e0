"""The parts of the benchmarks that could be wrong without anybody seeing it."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import features
import matrix
from kit import instructions, peers, rounds
from kit.scenario import MATRIX, Scenario

CALLGRIND = """\
version: 1
positions: instr line
events: Ir
ob=(1) /x/trunkline
fn=(1) finish
0x1000 10 5
0x1004 10 7
0x1004 11 2
cob=(2) /lib/libc.so.6
cfn=(2) memcpy
calls=3 0x9000 0
0x1008 12 1000
0x1000 12 1
ob=(2)
fn=(2)
0x9000 0 30
"""


def row(name, *costs, absent=""):
    made = rounds.Row(name, absent=absent)
    made.rounds = [{"cpu_us": cost} for cost in costs]
    return made


class Bench(unittest.TestCase):
    def test_instructions_are_counted_where_they_are_and_those_of_callees_not_twice(self):
        self.assertEqual(dict(instructions.parse(CALLGRIND)), {
            ("/x/trunkline", 0x1000): 6, ("/x/trunkline", 0x1004): 9, ("/lib/libc.so.6", 0x9000): 30})

    def test_each_feature_names_source_files_that_exist(self):
        sources = [str(path) for path in (ROOT / "src").rglob("*.*") if path.suffix in (".h", ".cpp")]
        for name in features.FEATURES:
            found = [path for path in sources if features.feature_of([instructions.Frame(path, "")]) == name]
            self.assertTrue(found, f"no source file belongs to '{name}' any more")

    def test_a_row_is_lost_when_a_peer_needs_less_in_the_median(self):
        rows = {one.name: one for one in (row("trunkline", 10, 11, 30), row("nginx", 9, 10, 10.9), row("haproxy", 12, 12),
                                          row("envoy", absent="not on this machine"), row("relay", 1, 1))}
        self.assertEqual(matrix.lost(rows), ["nginx"])

    def test_rows_differ_and_say_what_differs(self):
        self.assertEqual(len({one.name for one in MATRIX}), len(MATRIX))
        self.assertEqual(len(set(MATRIX)), len(MATRIX))

    @unittest.skipUnless("TRUNKLINE_BIN" in os.environ, "the test runner says where the binary is")
    def test_the_manifest_of_every_row_is_accepted(self):
        for scenario in {*MATRIX, Scenario(name="without protection")}:
            extra = features.NONE if scenario.name == "without protection" else ""
            with self.subTest(scenario.name), tempfile.TemporaryDirectory() as folder:
                manifest = peers.trunkline_manifest(scenario, pathlib.Path(folder), 8080, 9000, extra)
                ended = subprocess.run([os.environ["TRUNKLINE_BIN"], "check", "--manifest", str(manifest)],
                                       capture_output=True, text=True, check=False)
                self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main()
