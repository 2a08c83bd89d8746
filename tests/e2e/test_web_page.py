#!/usr/bin/env python3
"""A hostile page in the user's browser (THREATS A24): whatever a page can send, to any port of the agent, gets no answer
of the local API and changes nothing; and what comes over the socket is never something that a browser would run."""

import json
import os
import re
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold

LISTENING = "0A"
SCRIPT = "<img src=x onerror=alert(1)>.html"


def listening_ports(pid):
    """The TCP ports on which the process listens, as (family, port)."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
        if found:
            inodes.add(found[1])
    out = []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                out.append((family, int(fields[1].rpartition(":")[2], 16)))
    return out


def read_all(s):
    answer = b""
    try:
        while part := s.recv(65536):
            answer += part
    except (ConnectionResetError, socket.timeout):
        pass
    return answer


class WebPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = keyfold.missing_programs()
        if missing:
            raise unittest.SkipTest(f"not built yet: {', '.join(missing)} in {keyfold.BIN}")
        cls.world = keyfold.World()
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.home("alice")
        cls.relay = cls.world.relay("--open")
        cls.alice.create_organization(cls.relay)
        cls.alice.run("workspace", "create", "papers")
        cls.alice.put_bytes(b"hello", f"papers:/{SCRIPT}")

    def over_socket(self, request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.alice.folder / "agent.sock"))
            s.sendall(request)
            return read_all(s)

    def call(self, method, document, *headers):
        body = json.dumps(document).encode()
        lines = [f"POST /v1/{method} HTTP/1.1", f"Content-Length: {len(body)}", "Connection: close", *headers]
        head, _, answer = self.over_socket("\r\n".join(lines).encode() + b"\r\n\r\n" + body).partition(b"\r\n\r\n")
        return head.decode().lower(), answer

    def test_no_port_of_the_agent_speaks_http(self):
        body = json.dumps({"workspace": "papers", "path": "/by-a-page"}).encode()
        request = (b"POST /v1/files.mkdir HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
                   b"Content-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)) + body
        self.assertIn(b" 200 ", self.over_socket(request.replace(b"by-a-page", b"by-myself"))[:20])  # control
        for family, port in listening_ports(self.alice.agent_pid()):
            with self.subTest(port=port), socket.socket(family) as s:
                s.settimeout(3)
                s.connect(("127.0.0.1" if family == socket.AF_INET else "::1", port))
                try:
                    s.sendall(request)
                    s.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                self.assertNotIn(b"HTTP/", read_all(s))
        names = [entry["name"] for entry in self.alice.run("ls", "papers:/")]
        self.assertIn("by-myself", names)
        self.assertNotIn("by-a-page", names)

    def test_the_port_finder_finds_ports(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.assertIn((socket.AF_INET, s.getsockname()[1]), listening_ports(os.getpid()))

    def test_the_socket_lies_where_only_its_owner_comes(self):
        self.assertEqual(os.stat(self.alice.folder / "agent.sock").st_mode & 0o777, 0o600)

    def test_no_answer_lets_a_page_in_or_is_one(self):
        for method, document in (("files.list", {"workspace": "papers", "path": "/"}), ("version", {}),
                                 ("files.list", {"workspace": SCRIPT, "path": "/"}), ("nonsense", {})):
            with self.subTest(method, **document):
                head, body = self.call(method, document, "Host: evil.example", "Origin: http://evil.example",
                                       "Cookie: a=b")
                self.assertNotIn("access-control", head)
                self.assertNotIn("set-cookie", head)
                self.assertIn("content-type: application/json", head)
                json.loads(body)
        _, listed = self.call("files.list", {"workspace": "papers", "path": "/"})
        self.assertIn(SCRIPT, [entry["name"] for entry in json.loads(listed)])

    def test_what_a_link_or_an_image_can_ask_for_is_no_call(self):
        before = self.alice.run("ls", "papers:/")
        for path in ("/v1/files.mkdir?workspace=papers&path=/x", "/v1/lock", "/v1/agent.stop", "/"):
            with self.subTest(path):
                answer = self.over_socket(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                self.assertIn(answer[9:12], (b"400", b"404"))
        self.assertEqual(self.alice.run("ls", "papers:/"), before)


if __name__ == "__main__":
    keyfold.main()
