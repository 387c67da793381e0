#!/usr/bin/env python3
"""Runs one unittest file for run_tests.py: test_child.py FILE RESULTS [WORD...].

Writes a JSON line to RESULTS as each case begins and ends, so that what had passed is known even
when the file must be killed. Words choose the cases whose name contains one of them.
"""
import faulthandler
import importlib.util
import json
import os
import pathlib
import sys
import unittest


class Recorder(unittest.TextTestResult):
    """Writes down each case's one verdict: failed beats skipped beats passed."""
    results = None

    def startTest(self, test):
        super().startTest(test)
        self.verdict, self.reason = "passed", ""
        self.write("start", test.id())

    def stopTest(self, test):
        super().stopTest(test)
        self.write(self.verdict, test.id(), self.reason)
        self.verdict = None

    def write(self, event, name, reason=""):
        self.results.write(json.dumps({"event": event, "name": name, "reason": reason}) + "\n")
        self.results.flush()

    def settle(self, test, verdict, reason=""):
        if getattr(self, "verdict", None) is None:
            # Outside any case: setUpClass, setUpModule, or a file that cannot be imported.
            self.write(verdict, test.id(), reason)
        elif self.verdict != "failed":
            self.verdict, self.reason = verdict, reason

    def addError(self, test, err):
        super().addError(test, err)
        self.settle(test, "failed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.settle(test, "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.settle(test, "failed")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.settle(test, "failed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.settle(test, "skipped", reason)


def cases_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases_of(item)
        else:
            yield item


def main():
    path, words = pathlib.Path(sys.argv[1]).resolve(), sys.argv[3:]
    # The stacks, before the guard's patience ends: a hang without them tells nothing.
    faulthandler.dump_traceback_later(max(1.0, float(os.environ.get("TRUNKLINE_TEST_DEADLINE", "120")) - 3))
    # Helpers may stand beside the file, in tests/, or be named from the root.
    sys.path[:1] = [str(path.parent), str(path.parent.parent), str(pathlib.Path(__file__).resolve().parent.parent)]
    with open(sys.argv[2], "w", encoding="utf-8") as results:
        Recorder.results = results
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        if words:
            # Suites of one class stay together, so setUpClass runs once.
            suite = unittest.TestSuite(c for c in cases_of(suite) if any(w in c.id() for w in words))
        runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Recorder, verbosity=2)
        return 0 if runner.run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
