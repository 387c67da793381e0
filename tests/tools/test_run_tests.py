"""The test runner counts what really happened: it cannot be green when something was not."""
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


class RunTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, body):
        path = self.root / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import subprocess, time, unittest\nclass T(unittest.TestCase):\n"
                        + textwrap.indent(textwrap.dedent(body), "    "))
        return path

    def run_tests(self, *names):
        ended = subprocess.run([sys.executable, str(TOOLS / "run_tests.py"), "--root", str(self.root), *names],
                               capture_output=True, text=True, check=False)
        self.assertEqual(ended.stderr, "")
        return ended.returncode, ended.stdout

    def expect(self, status, summary, *names):
        found, output = self.run_tests(*names)
        self.assertEqual(output.rstrip("\n").split("\n")[-1], summary, output)
        self.assertEqual(found, status, output)
        return output

    def test_passed_failed_and_skipped_cases_are_counted(self):
        self.write("e2e/test_a.py", """
            def test_good(self): print("quiet when all is well")
            def test_bad(self): self.assertEqual(1, 2)
            @unittest.skip("no kernel for it")
            def test_skipped(self): pass
            """)
        self.write("faults/test_b.py", "def test_good(self): print('quiet when all is well')\n")
        output = self.expect(1, "2 passed, 1 failed, 1 skipped")
        self.assertIn("1 != 2", output)
        self.assertIn("no kernel for it", output)
        self.assertEqual(output.count("quiet when all is well"), 1)

    def test_no_test_at_all_is_a_failure(self):
        self.expect(1, "0 passed, 0 failed, 0 skipped")

    def test_words_choose_files_or_else_cases(self):
        self.write("e2e/test_a.py", "def test_one(self): pass\ndef test_two(self): pass\n")
        self.write("e2e/test_b.py", "def test_two(self): pass\n")
        self.expect(0, "2 passed, 0 failed, 0 skipped", "e2e/test_a")
        self.expect(0, "2 passed, 0 failed, 0 skipped", "test_two")
        self.expect(1, "0 passed, 0 failed, 0 skipped", "nothing_like_it")

    def test_a_subtest_that_fails_fails_its_case(self):
        self.write("e2e/test_a.py", """
            def test_some(self):
                for i in range(3):
                    with self.subTest(i=i): self.assertEqual(i, 1)
            """)
        self.expect(1, "0 passed, 1 failed, 0 skipped")

    def test_a_file_that_cannot_be_imported_or_set_up_fails(self):
        self.write("e2e/test_a.py", "def test_one(self) pass\n")
        self.write("e2e/test_b.py", """
            @classmethod
            def setUpClass(cls): raise RuntimeError("no port")
            def test_one(self): pass
            """)
        self.assertIn("no port", self.expect(1, "0 passed, 2 failed, 0 skipped"))

    def test_a_file_that_dies_fails_its_case(self):
        self.write("e2e/test_a.py", """
            def test_a(self): pass
            def test_b(self): import os; os._exit(0)
            """)
        self.assertIn("T.test_b", self.expect(1, "1 passed, 1 failed, 0 skipped"))

    def test_a_file_that_hangs_is_stopped_at_its_deadline_and_shows_where(self):
        path = self.write("e2e/test_a.py", "def test_a(self): pass\ndef test_hang(self): time.sleep(100)\n")
        path.write_text("# deadline: 4\n" + path.read_text())
        began = time.monotonic()
        output = self.expect(1, "1 passed, 1 failed, 0 skipped")
        self.assertLess(time.monotonic() - began, 30)
        self.assertIn("not finished within 4 s", output)
        self.assertIn("in test_hang", output)

    def test_a_process_left_behind_is_killed_and_is_a_failure(self):
        self.write("e2e/test_a.py", """
            def test_a(self):
                import sys
                left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
                print("left", left.pid)
                left.returncode = 0
            """)
        output = self.expect(1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("time.sleep(60)", output)
        pid = int(output.split("left ")[1].split()[0])
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_serial_files_run_alone(self):
        body = """
            def test_a(self):
                import pathlib
                mine = pathlib.Path(__file__).parent / "running"
                self.assertFalse(mine.exists())
                mine.write_text("")
                time.sleep(0.3)
                mine.unlink()
            """
        for name in ("e2e/test_a.py", "e2e/test_b.py", "e2e/test_c.py"):
            path = self.write(name, body)
            path.write_text("# serial\n" + path.read_text())
        self.expect(0, "3 passed, 0 failed, 0 skipped")

    def unit(self, script):
        """A build tree whose one unit test is a shell script."""
        tree = self.root / "tree"
        tree.mkdir()
        program = tree / "program"
        program.write_text("#!/bin/sh\n" + textwrap.dedent(script))
        program.chmod(0o755)
        (tree / "CTestTestfile.cmake").write_text(f'add_test(unit.room "{program}")\n')
        return str(tree)

    def test_googletest_cases_are_counted_from_its_xml(self):
        tree = self.unit("""
            cat >"${GTEST_OUTPUT#xml:}" <<X
            <testsuites><testsuite>
            <testcase classname="A" name="good" status="run" result="completed"/>
            <testcase classname="A" name="off" status="notrun" result="suppressed"/>
            <testcase classname="A" name="later" status="run" result="skipped"><skipped message="f.cpp:1&#x0A;no IPv6 here"/></testcase>
            <testcase classname="A" name="bad" status="run" result="completed"><failure message="x"/></testcase>
            </testsuite></testsuites>
            X
            exit 1
            """.replace("            ", ""))
        output = self.expect(1, "1 passed, 1 failed, 1 skipped", "--tree", tree)
        self.assertIn("A.later: no IPv6 here", output)
        self.assertIn("unit.room: A.bad", output)

    def test_a_unit_test_that_crashes_fails_the_case_it_was_in(self):
        tree = self.unit("""
            echo '[       OK ] A.good (0 ms)'
            echo '[ RUN      ] A.crash'
            kill -SEGV $$
            """)
        output = self.expect(1, "1 passed, 1 failed, 0 skipped", "--tree", tree)
        self.assertIn("unit.room: A.crash", output)


if __name__ == "__main__":
    unittest.main()
