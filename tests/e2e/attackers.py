"""Hostile clients of a relay: raw TCP connections, and peers that speak CURVE, with the libsodium that the
relay itself runs with (by ctypes, so that no package is needed). All come from 127.0.0.2: another address than the
homes have."""

import contextlib
import ctypes
import multiprocessing
import os
import resource
import select
import socket
import struct
import threading

SOURCE = "127.0.0.2"
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + b"\0" + bytes(31)
LONG = 0x02  # the flag of a frame whose length has 8 bytes


def allow_descriptors(count):
    """Raises our limit of open files; gives what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def connect(port):
    """A TCP connection to the relay, or None when it takes none now."""
    out = socket.socket()
    out.settimeout(2)
    try:
        out.bind((SOURCE, 0))
        out.connect(("127.0.0.1", port))
        out.setblocking(False)
        return out
    except OSError:
        out.close()
        return None


class Attack:
    """What `work(attack)` does in threads of a process of its own until the end of the with block; its trouble ends the
    test there. Attackers are elsewhere, so they give way to whoever wants the processors here."""

    def __init__(self, work, threads=1):
        self.work, self.threads = work, threads
        self.stop, self.counter = multiprocessing.Event(), multiprocessing.Value("L", 0)
        self.trouble = multiprocessing.SimpleQueue()
        self.process = multiprocessing.Process(target=self.run_all, daemon=True)

    @property
    def done(self):
        """How many clients there were so far."""
        return self.counter.value

    def another(self):
        with self.counter.get_lock():
            self.counter.value += 1

    def run(self):
        try:
            self.work(self)
        except Exception as trouble:  # shown by __exit__
            self.trouble.put(repr(trouble))

    def run_all(self):
        os.nice(10)
        threads = [threading.Thread(target=self.run, daemon=True) for _ in range(self.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.process.join(30)
        self.process.kill()
        if not self.trouble.empty():
            raise AssertionError(f"an attacker failed: {self.trouble.get()}")


def crowd(port, count, first=b""):
    """Keeps `count` connections open that say `first` and no more; who is thrown out comes again."""
    def work(attack):
        held = set()
        try:
            while not attack.stop.is_set():
                poll = select.poll()
                by_fd = {s.fileno(): s for s in held}
                for fd in by_fd:
                    poll.register(fd, select.POLLIN | select.POLLHUP)
                for fd, _ in poll.poll(10):
                    try:
                        lost = not by_fd[fd].recv(4096)
                    except BlockingIOError:
                        lost = False
                    except OSError:
                        lost = True
                    if lost:
                        held.discard(by_fd[fd])
                        by_fd[fd].close()
                for _ in range(min(100, count - len(held))):
                    fresh = connect(port)
                    if fresh is None:
                        break
                    with contextlib.suppress(OSError):
                        fresh.send(first)
                    held.add(fresh)
                    attack.another()
                attack.stop.wait(0.02)
        finally:
            for s in held:
                s.close()
    return Attack(work)


def flood(port, first, then, threads=2):
    """Sends `first`, then `then()` again and again, as fast as the relay takes it; thrown out, it comes again."""
    def work(attack):
        while not attack.stop.is_set():
            s = connect(port)
            if s is None:
                attack.stop.wait(0.05)
                continue
            attack.another()
            s.settimeout(0.2)
            try:
                s.sendall(first)
                while not attack.stop.is_set():
                    s.sendall(then())
            except OSError:
                pass  # it was thrown out, or is not read
            finally:
                s.close()
    return Attack(work, threads)


def garbage(port):
    return flood(port, b"", lambda: os.urandom(64 * 1024))


def huge_lengths(port):
    """After a valid greeting, frames that announce 2^62 bytes, and bytes without end."""
    head = bytes([LONG]) + struct.pack(">Q", 1 << 62)
    return flood(port, GREETING + head, lambda: bytes(64 * 1024))


# -- CURVE peers -------------------------------------------------------------------------------------------------

COMMAND, MORE = 0x04, 0x01
SODIUM = ctypes.CDLL("libsodium.so.23")


def key_pair():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    SODIUM.crypto_box_keypair(public, secret)
    return public.raw, secret.raw


def shared_key(public, secret):
    out = ctypes.create_string_buffer(32)
    if SODIUM.crypto_box_beforenm(out, public, secret) != 0:
        raise ValueError("a bad key")
    return out.raw


def seal(plain, nonce, shared):
    out = ctypes.create_string_buffer(len(plain) + 16)
    SODIUM.crypto_box_easy_afternm(out, plain, ctypes.c_ulonglong(len(plain)), nonce, shared)
    return out.raw


def unseal(sealed, nonce, shared):
    out = ctypes.create_string_buffer(max(1, len(sealed) - 16))
    if SODIUM.crypto_box_open_easy_afternm(out, sealed, ctypes.c_ulonglong(len(sealed)), nonce, shared) != 0:
        raise ValueError("a box that does not open")
    return out.raw[:len(sealed) - 16]


class Lost(OSError):
    """The relay has ended the connection, or takes nothing for a while."""


class Peer:
    """A CURVE client (RFC 26) with a fresh key, frame by frame: it can also do what no ZeroMQ library would."""

    def __init__(self, port, server):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(5)
        try:
            self.socket.bind((SOURCE, 0))
            self.socket.connect(("127.0.0.1", port))
            self.shake_hands(server)
        except BaseException:
            self.socket.close()
            raise

    def shake_hands(self, server):
        self.count = 0
        public, secret = key_pair()
        short_public, short_secret = key_pair()
        to_server = shared_key(server, short_secret)
        self.socket.sendall(GREETING)
        self.take(64)
        number = self.number()
        self.frame(COMMAND, b"\x05HELLO\x01\x00" + bytes(72) + short_public + number
                   + seal(bytes(64), b"CurveZMQHELLO---" + number, to_server))
        welcome = self.take_frame()
        inside = unseal(welcome[24:], b"WELCOME-" + welcome[8:24], to_server)
        short_server, cookie = inside[:32], inside[32:]
        self.shared = shared_key(short_server, short_secret)
        nonce = os.urandom(16)
        vouch = seal(short_public + server, b"VOUCH---" + nonce, shared_key(short_server, secret))
        number = self.number()
        about = b"\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
        self.frame(COMMAND, b"\x08INITIATE" + cookie + number
                   + seal(public + nonce + vouch + about, b"CurveZMQINITIATE" + number, self.shared))
        if not self.take_frame().startswith(b"\x05READY"):
            raise Lost("no READY")

    def number(self):
        self.count += 1
        return struct.pack(">Q", self.count)

    def take(self, size):
        out = b""
        while len(out) < size:
            got = self.socket.recv(size - len(out))
            if not got:
                raise Lost("the end of the connection")
            out += got
        return out

    def take_frame(self):
        if self.take(1)[0] & LONG:
            return self.take(struct.unpack(">Q", self.take(8))[0])
        return self.take(self.take(1)[0])

    def frame(self, flags, content):
        size = struct.pack(">BQ", flags | LONG, len(content)) if len(content) > 255 else bytes([flags, len(content)])
        self.socket.sendall(size + content)

    def sealed(self, content, more=False):
        """A frame of a message, as it goes over the wire."""
        number = self.number()
        box = b"\x07MESSAGE" + number + seal(bytes([MORE if more else 0]) + content,
                                             b"CurveZMQMESSAGEC" + number, self.shared)
        return (struct.pack(">BQ", LONG, len(box)) if len(box) > 255 else bytes([0, len(box)])) + box

    def send(self, *frames, more=False):
        self.socket.sendall(b"".join(self.sealed(f, more) for f in frames))

    def receive(self):
        box = self.take_frame()
        return unseal(box[16:], b"CurveZMQMESSAGES" + box[8:16], self.shared)[1:]

    def close(self):
        self.socket.close()


def message(kind, request, body):
    """Frame 1 of a message: [1, kind, request id, body] (docs/PROTOCOL.md); the body is encoded already."""
    number = bytes([request]) if request < 128 else b"\xce" + struct.pack(">I", request + (1 << 16))
    return b"\x94\x01" + bytes([kind]) + number + body


def hello_as_creator():
    """What anybody may say who knows nothing of the relay but its address."""
    return message(1, 1, b"\x95\x91\x01\xc4\x10" + os.urandom(16) + b"\x02\xc4\x20" + os.urandom(32) + b"\xc0")


def curve_peers(port, server, work, threads=2):
    """Peers that each do `work(peer, attack)`; thrown out, they come again under fresh keys."""
    def again(attack):
        while not attack.stop.is_set():
            try:
                peer = Peer(port, server)
            except OSError:
                attack.stop.wait(0.05)
                continue
            attack.another()
            try:
                while not attack.stop.is_set():
                    work(peer, attack)
            except OSError:
                pass  # it was thrown out, or is not read
            finally:
                peer.close()
    return Attack(again, threads)


def mute(port, server, count=100):
    """After the handshake they say nothing."""
    return curve_peers(port, server, lambda peer, attack: attack.stop.wait(1), count)


def nonsense(port, server):
    """After the handshake: messages that are none."""
    return curve_peers(port, server, lambda peer, attack: peer.send(os.urandom(2000)))


def too_large(port, server):
    """After the handshake: frames beyond the limit."""
    return curve_peers(port, server, lambda peer, attack: peer.send(bytes(6 << 20)))


def endless(port, server, peers=4):
    """After the handshake: one message of ever more frames, each within the limit."""
    return curve_peers(port, server, lambda peer, attack: peer.send(bytes(4 << 20), more=True), peers)


def stuck(port, server, peers=4):
    """They say hello properly, then ask without end and read no answer."""
    def work(peer, attack):
        peer.send(hello_as_creator())
        peer.receive()
        asked = 1
        while not attack.stop.is_set():
            peer.send(*(message(4, asked + i, b"\x90") for i in range(200)))
            asked += 200
    return curve_peers(port, server, work, peers)
