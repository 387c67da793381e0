"""./dev installs exactly what is missing, and says what stands in its way. apt is a stand-in here."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = """
# a comment
[core]
alpha            # why
beta unless:sh   # sh is everywhere
gamma unless:no-such-command
[bench]
delta
"""


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "tools").mkdir()
        (self.root / "bin").mkdir()
        self.policy = self.root / "policy-rc.d"
        # The one absolute path that set-up writes to is moved into this folder.
        text = (ROOT / "dev").read_text().replace("/usr/sbin/policy-rc.d", str(self.policy))
        self.assertIn(f"POLICY={self.policy}", text)
        (self.root / "dev").write_text(text)
        (self.root / "dev").chmod(0o755)
        (self.root / "tools/apt-packages.txt").write_text(PACKAGES)
        self.installed("")
        self.stand_in("apt-get", f'echo "apt-get $*" >>{self.root}/log; [ -x {self.policy} ] && '
                                 f'{{ {self.policy}; echo "policy $?" >>{self.root}/log; }}; true')
        self.stand_in("sudo", '[ "$1" = -n ] && shift; exec "$@"')

    def stand_in(self, name, script):
        path = self.root / "bin" / name
        path.write_text("#!/bin/sh\n" + textwrap.dedent(script) + "\n")
        path.chmod(0o755)

    def installed(self, names):
        self.stand_in("dpkg-query", f"for p in {names}; do echo installed $p; done; exit 1")

    def dev(self, *arguments, **environment):
        ended = subprocess.run([str(self.root / "dev"), *arguments], capture_output=True, text=True, check=False,
                               stdin=subprocess.DEVNULL,
                               env={"PATH": f"{self.root}/bin:{os.environ['PATH']}", **environment})
        log = self.root / "log"
        return ended.returncode, ended.stderr, log.read_text() if log.exists() else ""

    def test_what_is_missing_is_installed_and_nothing_else(self):
        self.installed("alpha")
        status, said, log = self.dev("setup")
        self.assertEqual(status, 0, said)
        self.assertIn("Installing from Debian: gamma", said)
        self.assertIn("apt-get update", log)
        self.assertRegex(log, r"apt-get install .* gamma\n")
        for other in ("alpha", "beta", "delta"):
            self.assertNotIn(other, log)

    def test_a_machine_that_is_set_up_is_left_alone(self):
        self.installed("alpha gamma")
        self.assertEqual(self.dev("setup"), (0, "", ""))

    def test_services_are_not_started_while_installing_and_no_policy_is_left(self):
        self.assertIn("policy 101", self.dev("setup")[2])
        self.assertFalse(self.policy.exists())

    def test_a_policy_of_the_machine_is_kept(self):
        self.policy.write_text("#!/bin/sh\nexit 0\n")
        self.policy.chmod(0o755)
        self.assertIn("policy 0", self.dev("setup")[2])
        self.assertEqual(self.policy.read_text(), "#!/bin/sh\nexit 0\n")

    def test_apt_failing_is_said_and_no_policy_is_left(self):
        self.stand_in("apt-get", "exit 100")
        status, said, _ = self.dev("setup")
        self.assertEqual(status, 1)
        self.assertIn("apt could not install: alpha gamma", said)
        self.assertFalse(self.policy.exists())

    def test_a_system_that_is_not_debian_is_told_what_to_do(self):
        # A PATH of its own, with the few tools that the script needs and no dpkg-query.
        bare = self.root / "bare"
        bare.mkdir()
        for tool in ("bash", "env", "dirname", "readlink"):
            (bare / tool).symlink_to(shutil.which(tool))
        ended = subprocess.run([str(self.root / "dev"), "setup"], capture_output=True, text=True, check=False,
                               env={"PATH": str(bare)})
        self.assertEqual(ended.returncode, 1)
        self.assertIn("not Debian", ended.stderr)
        self.assertIn("TRUNKLINE_SKIP_SETUP=1", ended.stderr)

    def test_set_up_can_be_skipped(self):
        self.assertEqual(self.dev("setup", TRUNKLINE_SKIP_SETUP="1"), (0, "", ""))


class Commands(unittest.TestCase):
    def dev(self, *arguments):
        return subprocess.run([str(ROOT / "dev"), *arguments], capture_output=True, text=True, check=False)

    def test_help_names_every_command(self):
        said = self.dev("help").stdout
        for command in ("run", "test", "build", "bench", "lint", "fmt", "asan", "tsan", "fuzz"):
            self.assertIn(f"./dev {command}", said)

    def test_an_unknown_command_is_an_error(self):
        ended = self.dev("tset")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("there is no command 'tset'", ended.stderr)

    def test_an_unknown_preset_or_benchmark_is_an_error_that_names_the_others(self):
        self.assertIn("there are: release, debug", self.dev("build", "relaese").stderr)
        self.assertIn("there are: features idle instructions matrix policies proxy start syscalls", self.dev("bench", "proxi").stderr)


if __name__ == "__main__":
    unittest.main()
