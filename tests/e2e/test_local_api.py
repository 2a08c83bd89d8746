#!/usr/bin/env python3
"""The agent's local API (docs/API.md) against callers that do not keep to it: each gets an error document or is shut
out, the agent lives on, and nothing changes."""

import json
import os
import re
import socket
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold

METHODS = re.findall(r"^\| `([a-z.]+)` \| (.*?) \|", (keyfold.ROOT / "docs/API.md").read_text(), re.M)
# These do what they say also without any parameter, and would end or lock what the others are tried on.
LEFT_OUT = {"agent.stop", "lock"}
PARAMETERS = ["organization", "workspace", "user", "path", "from", "to", "local", "folder", "password", "name", "relay",
              "email", "person", "device", "token", "profile", "link", "exchange", "role", "timeout", "expires_in",
              "recursive", "all", "answer"]
# One of each kind of nonsense for any parameter.
VALUES = [5, -1, 1e300, True, None, [], {}, [[]], {"accept": 1}, "", "\0", "/etc\0/x", "x" * 100_000, "../../etc/passwd",
          "\ud800", "%00", "'; --", "\n\r\n"]


class LocalApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = keyfold.missing_programs()
        if missing:
            raise unittest.SkipTest(f"not built yet: {', '.join(missing)} in {keyfold.BIN}")
        cls.world = keyfold.World()
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.home("alice")
        cls.alice.create_organization(cls.world.relay("--open"))
        cls.alice.run("workspace", "create", "papers")
        cls.alice.put_bytes(b"hello", "papers:/file")
        cls.pid = cls.alice.agent_pid()

    def tearDown(self):
        self.assertEqual(self.alice.agent_pid(), self.pid, "the agent was started again")
        self.assertEqual([w["name"] for w in self.alice.run("workspace", "list")], ["papers"])
        self.assertEqual(self.alice.cat("papers:/file"), b"hello")

    def exchange(self, data, last=True):
        """Sends bytes, and gives status (None: no answer) and body. `last`: nothing comes after them."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.alice.folder / "agent.sock"))
            answer = b""
            try:
                s.sendall(data)
                if last:
                    s.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass  # shut out before all was sent; there may be an answer all the same
            try:
                while part := s.recv(65536):
                    answer += part
            except ConnectionResetError:
                pass
        head, _, body = answer.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1\.1 (\d+)", head)
        return (int(found[1]) if found else None), body

    def post(self, path, body, *headers):
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "Connection: close", *headers]
        return self.exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + body, last=False)

    def assert_refused(self, answer, statuses, what):
        status, body = answer
        self.assertIn(status, statuses, (what, body[:300]))
        error = json.loads(body)["error"]
        self.assertEqual(set(error), {"code", "message"}, what)
        self.assertNotEqual(error["code"], "internal", (what, error))

    def test_every_method_of_the_page_is_tried(self):
        self.assertGreater(len(METHODS), 30)
        self.assertIn("files.cat", dict(METHODS))

    def test_what_is_no_call_is_refused(self):
        for verb in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            with self.subTest(verb):
                self.assert_refused(self.exchange(f"{verb} /v1/version HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
                                                  "Connection: close\r\n\r\n".encode(), last=False), (400, 404), verb)
        for path in ("/", "/v1/", "/v1", "/v2/version", "/v1/nonsense", "/v1/../../etc/passwd", "/v1/%2e%2e/%2e%2e/etc/passwd",
                     "/v1/version/x", "//v1/version", "/v1/" + "a" * 8000, "/v1/" + "a." * 3000, "/v1/Version", "/v1/version%00"):
            with self.subTest(path[:40]):
                self.assert_refused(self.post(path, b"{}"), (400, 404, 414), path[:40])
        self.assert_refused(self.post("/v1/" + "a" * 100_000, b"{}"), (400, 414), "a path of 100 kB")

    def test_bodies_that_are_no_parameters_are_refused(self):
        for body in (b"x", b"[]", b'"text"', b"5", b"null", b"{", b'{"a":1', b'{"timeout":1e999}', b"\xff\xfe", b'{"a":"\xff"}',
                     b"[" * 500_000, b'{"a":' * 100_000, b"{}{}", b"{} x", b"\0" * 10):
            with self.subTest(body[:20]):
                self.assert_refused(self.post("/v1/agent.status", body), (400,), body[:20])
        self.assert_refused(self.post("/v1/agent.status", b"[" + b" " * (2 << 20) + b"]"), (413,), "2 MiB")

    def test_requests_that_are_no_http_end_without_harm(self):
        cases = [b"", b"\0" * 1000, b"x" * 100_000, b"\r\n" * 1000, b"POST /v1/version HTTP/9.9\r\n\r\n",
                 b"POST /v1/version HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
                 b"POST /v1/version HTTP/1.1\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n",
                 b"POST /v1/version HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}",
                 b"POST /v1/version HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
                 b"POST /v1/version HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n{}",
                 b"POST /v1/version HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{}",
                 b"POST /v1/version HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
                 b"POST /v1/version HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n",
                 b"POST /v1/version HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=\r\nContent-Length: 4\r\n\r\n--\r\n",
                 b"POST /v1/version HTTP/1.1\r\nRange: bytes=5-1,-,999999999999999999999-\r\nContent-Length: 2\r\n\r\n{}",
                 b"POST /v1/version HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"]
        for case in cases:
            with self.subTest(case[:60]):
                status, _ = self.exchange(case)
                self.assertNotEqual(status, 500, case[:60])
                self.alice.run("version")

    def test_connections_that_say_nothing_do_not_keep_others_out(self):
        idle = []
        try:
            for _ in range(20):
                s = socket.socket(socket.AF_UNIX)
                s.connect(str(self.alice.folder / "agent.sock"))
                idle.append(s)
            self.alice.run("org", "list")
        finally:
            for s in idle:
                s.close()

    def test_parameters_of_the_wrong_kind_are_refused_by_every_method(self):
        right = {"workspace": "papers", "path": "/nowhere", "from": "/nowhere", "to": "/x", "local": "/nowhere/x",
                 "name": "", "timeout": 1}

        def attempt(case):
            method, name, value = case
            call = {**right, name: value}
            status, body = self.post(f"/v1/{method}", json.dumps(call).encode())
            if status == 200:
                return None  # the parameter means nothing there
            try:
                error = json.loads(body)["error"]
            except (ValueError, KeyError):
                return f"{method} {name}={str(value)[:30]!r}: {status} {body[:100]!r}"
            if status not in (400, 401, 404, 408, 503) or error["code"] in ("internal", ""):
                return f"{method} {name}={str(value)[:30]!r}: {status} {error}"
            return None
        cases = [(method, name, value) for method, said in METHODS if method not in LEFT_OUT
                 for name in PARAMETERS if name in said or name in ("organization", "timeout") for value in VALUES
                 if name != "name" or value not in ("%00", "'; --")]  # these are good names
        with ThreadPoolExecutor(8) as pool:
            self.assertEqual([fault for fault in pool.map(attempt, cases) if fault], [])

    def test_a_wrong_type_is_not_taken_for_nothing(self):
        for method, call in (("files.list", {"workspace": "papers", "path": "/", "organization": 5}),
                             ("files.remove", {"workspace": "papers", "path": "/nowhere", "recursive": "yes"}),
                             ("status", {"workspace": 5}), ("status", {"all": "yes"}), ("sync", {"workspace": "papers", "timeout": "1"}),
                             ("lock", {"organization": []}), ("lock", {"organization": "nowhere"}),
                             ("unlock", {"password": None}), ("files.get", {"workspace": "papers", "path": "/file", "local": "/tmp/\0x"}),
                             ("files.get", {"workspace": "papers", "path": "/file", "local": "relative"})):
            with self.subTest(method, **call):
                self.assert_refused(self.post(f"/v1/{method}", json.dumps(call).encode()), (400,), method)

    def test_paths_that_lead_out_are_refused(self):
        for path in ("/..", "/../../etc/passwd", "/a/../../b", "etc/passwd", "", "/.", "/a\0b", "/" + "n" * 256):
            for method in ("files.list", "files.mkdir", "files.remove", "files.cat"):
                with self.subTest(method, path=path[:20]):
                    self.assert_refused(self.post(f"/v1/{method}", json.dumps({"workspace": "papers", "path": path}).encode()),
                                        (400,), path[:20])

    def test_the_socket_is_its_owners_alone(self):
        self.assertEqual(os.stat(self.alice.folder / "agent.sock").st_mode & 0o777, 0o600)


if __name__ == "__main__":
    keyfold.main()
