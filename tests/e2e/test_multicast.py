#!/usr/bin/env python3
"""Discovery by IPv6: loopback has no route for IPv6 multicast, so the unit tests of net/discovery run here in a network
of their own (a namespace with nothing but loopback) that has one."""

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

TESTS = Path(os.environ.get("KEYFOLD_BIN", "build/bin")) / "keyfold_net_tests"
APART = ["unshare", "--map-root-user", "--net", "sh", "-c",
         "ip link set lo up && ip -6 route add local ff00::/8 dev lo table local && exec \"$@\"", "sh"]


def in_own_network(*command):
    return subprocess.run([*APART, *command], capture_output=True, text=True, timeout=120, check=False)


class Multicast(unittest.TestCase):
    def test_devices_hear_each_other_by_ipv6(self):
        done = in_own_network(TESTS, "[ipv6]")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("All tests passed (", done.stdout)
        self.assertNotIn("warning", done.stdout)


if __name__ == "__main__":
    if not TESTS.exists() or not shutil.which("unshare") or in_own_network("true").returncode != 0:
        print("skipped: keyfold_net_tests is not built, or the system allows no network namespace with IPv6")
        sys.exit(77)
    unittest.main()
