"""What ./dev lint leaves out was clean and has not changed. clang-tidy is a stand-in that finds the word BAD."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAND_IN = """#!/bin/sh
[ "$1" = --version ] && { echo "$VERSION"; exit; }
for file; do :; done
echo "$(basename "$file")" >>"$LOG"
grep -l BAD "$file" && exit 1
exit 0
"""


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        for name in ("tools", "bin", "src/room", "tree"):
            (self.root / name).mkdir(parents=True)
        shutil.copy(ROOT / "tools/tidy.py", self.root / "tools")
        self.write("tools/apt-packages.txt", "")
        self.write(".clang-tidy", "Checks: '*'")
        self.write("src/room/deep.h", "int deep;")
        self.write("src/room/near.h", '#include "room/deep.h"\n')
        self.write("src/room/a.cpp", '#include <vector>\n#include "room/near.h"\n')
        self.write("src/room/b.cpp", "int b;")
        self.commands("-O2")
        self.write("bin/clang-tidy-19", STAND_IN)
        (self.root / "bin/clang-tidy-19").chmod(0o755)

    def write(self, name, text):
        (self.root / name).write_text(text)

    def commands(self, options):
        self.write("tree/compile_commands.json", json.dumps(
            [{"file": str(self.root / f"src/room/{name}"), "command": f"clang {options} -I{self.root}/src -c {name}"}
             for name in ("a.cpp", "b.cpp")]))

    def run_it(self, version="1"):
        """(exit code, what it looked at, what it said)"""
        log = self.root / "log"
        log.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "tools/tidy.py", "tree", "src/room/a.cpp", "src/room/b.cpp"], cwd=self.root,
                              env={**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}", "LOG": str(log), "VERSION": version},
                              capture_output=True, text=True, check=False)
        return done.returncode, sorted(log.read_text().split()) if log.exists() else [], done.stdout + done.stderr

    def test_a_second_run_looks_at_nothing(self):
        self.assertEqual(self.run_it()[:2], (0, ["a.cpp", "b.cpp"]))
        self.assertEqual(self.run_it()[:2], (0, []))

    def test_whatever_decides_makes_it_look_again(self):
        changes = {
            "the source": (lambda: self.write("src/room/b.cpp", "int c;"), ["b.cpp"]),
            "a header, however deep": (lambda: self.write("src/room/deep.h", "int other;"), ["a.cpp"]),
            "the checks": (lambda: self.write(".clang-tidy", "Checks: 'x'"), ["a.cpp", "b.cpp"]),
            "the options": (lambda: self.commands("-O3"), ["a.cpp", "b.cpp"]),
        }
        for name, (change, looked_at) in changes.items():
            with self.subTest(name):
                self.run_it()
                change()
                self.assertEqual(self.run_it()[:2], (0, looked_at))
        self.assertEqual(self.run_it(version="2")[:2], (0, ["a.cpp", "b.cpp"]))

    def test_a_finding_is_shown_every_time(self):
        self.write("src/room/b.cpp", "int BAD;")
        for looked_at in (["a.cpp", "b.cpp"], ["b.cpp"]):
            status, seen, said = self.run_it()
            self.assertEqual((status, seen), (1, looked_at))
            self.assertIn("src/room/b.cpp", said)


if __name__ == "__main__":
    unittest.main()
