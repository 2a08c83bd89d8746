#!/usr/bin/env python3
"""Checks tests/vectors/crypto.json with an implementation of its own: hashlib for SHA-256 and BLAKE2b,
the `cryptography` package for the rest, and Salsa20 and ChaCha20 cores written from their papers.

    check_crypto.py            checks; what needs `cryptography` is left out where it is not installed
    check_crypto.py --write    makes the file anew (a change of a format)
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    from cryptography.hazmat.primitives.poly1305 import Poly1305
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    COMPLETE = True
except ImportError:
    COMPLETE = False

FILE = Path(__file__).with_name("crypto.json")
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CELL = 64 * 1024


def framed(context: str, data: bytes = b"") -> bytes:
    return bytes([len(context)]) + context.encode() + data


def keyfold_hash(context: str, data: bytes) -> bytes:
    return hashlib.sha256(framed(context, data)).digest()


def derive(key: bytes, context: str, data: bytes) -> bytes:
    return hashlib.blake2b(framed(context, data), key=key, digest_size=32).digest()


def merkle(leaves: list) -> bytes:
    context = "keyfold/v1/merkle"
    if not leaves:
        return keyfold_hash(context, b"")
    if len(leaves) == 1:
        return keyfold_hash(context, b"\0" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return keyfold_hash(context, b"\1" + merkle(leaves[:split]) + merkle(leaves[split:]))


def base32(data: bytes) -> str:
    standard = base64.b32encode(data).decode().rstrip("=")
    return standard.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sas(key: bytes) -> str:
    value = int.from_bytes(key[:3], "big") >> 4
    return "".join(ALPHABET[value >> shift & 31] for shift in (15, 10, 5, 0))


def padme(size: int) -> int:
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-size // step) * step


def rotated(value: int, by: int) -> int:
    value &= 0xFFFFFFFF
    return (value << by | value >> (32 - by)) & 0xFFFFFFFF


def salsa20_rounds(state: list) -> list:
    x = list(state)
    columns = [(0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)]
    rows = [(0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)]
    for _ in range(10):
        for a, b, c, d in columns + rows:
            x[b] ^= rotated(x[a] + x[d], 7)
            x[c] ^= rotated(x[b] + x[a], 9)
            x[d] ^= rotated(x[c] + x[b], 13)
            x[a] ^= rotated(x[d] + x[c], 18)
    return x


def salsa20_state(key: bytes, nonce16: bytes) -> list:
    s, k, n = struct.unpack("<4I", b"expand 32-byte k"), struct.unpack("<8I", key), struct.unpack("<4I", nonce16)
    return [s[0], *k[:4], s[1], *n, s[2], *k[4:], s[3]]


def hsalsa20(key: bytes, nonce16: bytes) -> bytes:
    x = salsa20_rounds(salsa20_state(key, nonce16))
    return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def xsalsa20(key: bytes, nonce24: bytes, size: int) -> bytes:
    subkey, out = hsalsa20(key, nonce24[:16]), b""
    for block in range(-(-size // 64)):
        state = salsa20_state(subkey, nonce24[16:] + struct.pack("<Q", block))
        mixed = [(a + b) & 0xFFFFFFFF for a, b in zip(salsa20_rounds(state), state)]
        out += struct.pack("<16I", *mixed)
    return out[:size]


def hchacha20(key: bytes, nonce16: bytes) -> bytes:
    x = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key) + struct.unpack("<4I", nonce16))
    quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for _ in range(10):
        for a, b, c, d in quarters:
            for by, (p, q, r) in ((16, (a, b, d)), (12, (c, d, b)), (8, (a, b, d)), (7, (c, d, b))):
                x[p] = (x[p] + x[q]) & 0xFFFFFFFF
                x[r] = rotated(x[r] ^ x[p], by)
    return struct.pack("<8I", *(x[:4] + x[12:]))


def raw_public(key) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def box(context: str, recipient: bytes, ephemeral: bytes, plaintext: bytes) -> bytes:
    own = X25519PrivateKey.from_private_bytes(ephemeral)
    shared = own.exchange(X25519PublicKey.from_public_bytes(recipient))
    nonce = hashlib.blake2b(framed(context, raw_public(own) + recipient), digest_size=24).digest()
    stream = xsalsa20(hsalsa20(shared, bytes(16)), nonce, 32 + len(plaintext))
    text = bytes(a ^ b for a, b in zip(plaintext, stream[32:]))
    return b"\x11" + raw_public(own) + Poly1305.generate_tag(stream[:32], text) + text


def aead(key: bytes, nonce: bytes, context: str, associated: bytes, plaintext: bytes) -> bytes:
    cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    return b"\x12" + nonce + cipher.encrypt(bytes(4) + nonce[16:], plaintext, framed(context, associated))


def stream(key: bytes, plaintext: bytes) -> bytes:
    cipher, out = ChaCha20Poly1305(key), b""
    cells = [plaintext[i:i + CELL] for i in range(0, len(plaintext), CELL)] or [b""]
    for index, cell in enumerate(cells):
        last = index + 1 == len(cells)
        out += cipher.encrypt(index.to_bytes(11, "big") + bytes([last]), cell, None)
    return out


def argon2id(password: bytes, memory_kib: int, passes: int, salt: bytes) -> bytes:
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory_kib).derive(password)


def pattern(size: int) -> bytes:
    """The plaintext of the long vectors: byte i is (7 i + i / 256) mod 256."""
    return bytes((7 * i + i // 256) & 0xFF for i in range(size))


def sample(seed: str, size: int = 32) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


def simple_vectors() -> dict:
    inputs = [b"", b"abc", pattern(200)]
    return {
        "hash": [{"context": c, "input": i.hex(), "hash": keyfold_hash(c, i).hex()}
                 for c, i in [("", b""), ("keyfold/v1/body", b""), ("keyfold/v1/body", b"abc"),
                              ("keyfold/v1/chunk", pattern(200))]],
        "derive": [{"key": sample("derive").hex(), "context": "keyfold/v1/entry-key", "input": i.hex(),
                    "derived": derive(sample("derive"), "keyfold/v1/entry-key", i).hex()} for i in inputs],
        "merkle": [{"leaves": [sample(f"leaf {i}").hex() for i in range(n)],
                    "root": merkle([sample(f"leaf {i}") for i in range(n)]).hex()} for n in (0, 1, 2, 3, 5, 8)],
        "base32": [{"bytes": b.hex(), "text": base32(b)} for b in (sample("base32", n) for n in (0, 1, 2, 3, 4, 5, 16, 32))],
        "base32_refused": ["A", "AAA", "AAAAAA", "AB", "AI", "AO", "A0", "A1", "AA=", "A A", "ÄA"],
        "base64url": [{"bytes": b.hex(), "text": base64url(b)} for b in [b"", b"\xfb\xff", *(sample("b64", n) for n in (1, 3, 16, 32))]],
        "base64url_refused": ["A", "AB", "AA=", "AA==", "A+AA", "A/AA", "AA AA", "AAA\n", "ÄAA"],
        "sas": [{"key": k.hex(), "code": sas(k)} for k in (bytes(32), b"\xff" * 32, sample("sas 1"), sample("sas 2"))],
        "padme": [[n, padme(n)] for n in (0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 100, 256, 257, 1000, 4096, 4097, 65537, 10**6, 2**21 + 1, 10**9, 2**40 + 1)],
        "codec_refused": [
            {"what": "nothing", "bytes": "", "error": "malformed"},
            {"what": "a second value", "bytes": "0102", "error": "trailing_bytes"},
            {"what": "a map", "bytes": "80", "error": "malformed"},
            {"what": "map32 of four thousand million", "bytes": "dfffffffff", "error": "malformed"},
            {"what": "array32 of four thousand million", "bytes": "ddffffffff", "error": "malformed"},
            {"what": "str32 of four thousand million", "bytes": "dbffffffff00", "error": "malformed"},
            {"what": "bin32 of four thousand million", "bytes": "c6ffffffff00", "error": "malformed"},
            {"what": "an array cut short", "bytes": "9201", "error": "malformed"},
            {"what": "a str cut short", "bytes": "a36162", "error": "malformed"},
            {"what": "a negative number", "bytes": "ff", "error": "malformed"},
            {"what": "int8 below zero", "bytes": "d080", "error": "malformed"},
            {"what": "a float", "bytes": "ca00000000", "error": "malformed"},
            {"what": "a double", "bytes": "cb0000000000000000", "error": "malformed"},
            {"what": "an extension", "bytes": "d40000", "error": "malformed"},
            {"what": "the byte that msgpack never uses", "bytes": "c1", "error": "malformed"},
            {"what": "127 as uint8", "bytes": "cc7f", "error": "malformed"},
            {"what": "255 as uint16", "bytes": "cd00ff", "error": "malformed"},
            {"what": "1 as int8", "bytes": "d001", "error": "malformed"},
            {"what": "1 as uint64", "bytes": "cf0000000000000001", "error": "malformed"},
            {"what": "a short text as str8", "bytes": "d90161", "error": "malformed"},
            {"what": "a short bin as bin16", "bytes": "c5000161", "error": "malformed"},
            {"what": "one element as array16", "bytes": "dc0001c0", "error": "malformed"},
        ],
        "box_key_refused": [
            {"what": "zero", "key": "02" + "00" * 32, "error": "bad_key"},
            {"what": "one (order 4)", "key": "0201" + "00" * 31, "error": "bad_key"},
            {"what": "a point of order 8", "error": "bad_key",
             "key": "02e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"},
            {"what": "another point of order 8", "error": "bad_key",
             "key": "025f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"},
            {"what": "p - 1", "key": "02ec" + "ff" * 30 + "7f", "error": "bad_key"},
            {"what": "p, which is zero again", "key": "02ed" + "ff" * 30 + "7f", "error": "bad_key"},
            {"what": "p + 9, which is the base point again", "key": "02f6" + "ff" * 30 + "7f", "error": "bad_key"},
            {"what": "the base point with the unused bit set", "key": "0209" + "00" * 30 + "80", "error": "bad_key"},
            {"what": "another algorithm", "key": "0109" + "00" * 31, "error": "unknown_algorithm"},
            {"what": "31 bytes", "key": "0209" + "00" * 30, "error": "malformed"},
        ],
    }


def cipher_vectors() -> dict:
    seed, scalar, ephemeral, key = sample("seed"), sample("recipient"), sample("ephemeral"), sample("key")
    signer, recipient = Ed25519PrivateKey.from_private_bytes(seed), X25519PrivateKey.from_private_bytes(scalar)
    nonce, salt = sample("nonce", 24), sample("salt", 16)
    texts = [b"", b"abc", pattern(300)]
    return {
        "sign": [{"seed": seed.hex(), "public": "01" + raw_public(signer).hex(), "context": "keyfold/v1/entry",
                  "message": m.hex(), "signature": "01" + signer.sign(framed("keyfold/v1/entry", m)).hex()} for m in texts],
        "box": [{"recipient_secret": scalar.hex(), "recipient_public": "02" + raw_public(recipient).hex(),
                 "ephemeral_secret": ephemeral.hex(), "context": "keyfold/v1/row", "plaintext": m.hex(),
                 "box": box("keyfold/v1/row", raw_public(recipient), ephemeral, m).hex()} for m in texts],
        "aead": [{"key": key.hex(), "nonce": nonce.hex(), "context": "keyfold/v1/workspace-name", "associated": a.hex(),
                  "plaintext": m.hex(), "sealed": aead(key, nonce, "keyfold/v1/workspace-name", a, m).hex()}
                 for a, m in ((b"", b""), (sample("associated", 16), b"abc"), (b"x", pattern(300)))],
        "stream": [{"key": key.hex(), "size": n, "sealed_size": len(stream(key, pattern(n))),
                    "sealed_sha256": hashlib.sha256(stream(key, pattern(n))).hexdigest()}
                   for n in (0, 1, CELL - 1, CELL, CELL + 1, 200000)],
        "argon2id": [{"password": p.hex(), "memory_kib": m, "passes": t, "salt": salt.hex(),
                      "key": argon2id(p, m, t, salt).hex()}
                     for p, m, t in ((b"correct horse", 65536, 3), (b"", 65536, 3), ("pässword".encode(), 65536, 4))],
    }


def main() -> int:
    made = simple_vectors()
    if COMPLETE:
        made.update(cipher_vectors())
    if sys.argv[1:] == ["--write"]:
        if not COMPLETE:
            print("check_crypto: install the Python package `cryptography` first", file=sys.stderr)
            return 1
        about = "Made by check_crypto.py, which shares no code with crypto/. Bytes are hexadecimal."
        FILE.write_text(json.dumps({"about": about, **made}, indent=1, ensure_ascii=True) + "\n")
    stored = json.loads(FILE.read_text())
    wrong = [name for name, rows in made.items() if stored.get(name) != rows]
    for name in wrong:
        print(f"check_crypto: the vectors of {name} are not what this program computes")
    left_out = sorted(set(stored) - set(made) - {"about"})
    print(f"check_crypto: {len(made) - len(wrong)} groups agree" +
          (f"; not checked without the `cryptography` package: {', '.join(left_out)}" if left_out else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
