# serial
# deadline: 60
"""From exec to the first answer: what is there already is served at once, whatever else is still starting."""
import json
import statistics
import time
import unittest

from kit import processes, system


class Start(unittest.TestCase):
    def test_what_others_run_is_served_while_own_services_still_start(self):
        with system.System(system.manifest()).start() as others:
            address = f"127.0.0.1:{others.instances()[0]['port']}"
            text = system.manifest(f"    far:\n      address: {json.dumps(address)}",
                                   system.service("late", replicas=1, env={"START_DELAY": "8"}),
                                   routes=("{ path: /*, to: far }", "{ path: /late/*, to: late }"))
            took = []
            for _ in range(5):
                with system.System(text) as kit:
                    began = time.monotonic()
                    kit.start(ready=False)
                    processes.wait_until(lambda kit=kit: processes.accepts(kit.port) and kit.get("/echo")[0] == 200, 10,
                                         "the first answer")
                    took.append((time.monotonic() - began) * 1000)
                    status, _, headers = kit.get("/late/x")
                    self.assertEqual((status, headers["X-Trunkline-Cause"]), (503, "no_healthy_instance"))
                    kit.stop()
            print(f"exec to first answer: {statistics.median(took):.0f} ms median of 5 ({min(took):.0f} to {max(took):.0f})")
            # Far above the promised 150 ms, for a busy machine; `./dev bench start` measures.
            self.assertLess(min(took), 1000)
            others.stop()


if __name__ == "__main__":
    unittest.main()
