#!/usr/bin/env python3
"""Checks tests/vectors/feed.json with an implementation of its own (see check_crypto.py).

Hashes and shapes always; signatures and ciphertexts where `cryptography` is installed.
"""

import json
import sys
from pathlib import Path

from check_crypto import COMPLETE, derive, framed, hchacha20, keyfold_hash

if COMPLETE:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

VECTORS = Path(__file__).parent / "feed.json"


def number(data: bytes, at: int, size: int) -> tuple:
    return int.from_bytes(data[at:at + size], "big"), at + size


def read(data: bytes, at: int = 0) -> tuple:
    """The value at `at` in Keyfold's subset of msgpack, and where the next one begins."""
    kind, at = data[at], at + 1
    if kind < 0x80:
        return kind, at
    if 0xcc <= kind <= 0xcf:
        return number(data, at, 1 << (kind - 0xcc))
    if 0xc4 <= kind <= 0xc6:
        size, at = number(data, at, 1 << (kind - 0xc4))
        return data[at:at + size], at + size
    if 0x90 <= kind <= 0x9f:
        count = kind & 0x0f
    elif kind in (0xdc, 0xdd):
        count, at = number(data, at, 2 if kind == 0xdc else 4)
    else:
        raise ValueError(f"unexpected kind {kind:#x}")
    items = []
    for _ in range(count):
        item, at = read(data, at)
        items.append(item)
    return items, at


def whole(data: bytes):
    value, end = read(data)
    assert end == len(data), "bytes after the value"
    return value


def check_signature(key: bytes, header: bytes, signature: bytes) -> None:
    assert key[0] == 1 and signature[0] == 1 and len(signature) == 65
    if COMPLETE:
        message = framed("keyfold/v1/entry", header)
        Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[1:], message)


def check_payload(row: dict, fields: list, ciphertext: bytes) -> None:
    if not COMPLETE:
        return
    key = derive(bytes.fromhex(row["epoch_key"]), "keyfold/v1/entry-key", fields[12])
    place = fields[2] + fields[3] + fields[4] + fields[5].to_bytes(8, "big")
    nonce = ciphertext[1:25]
    cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    padded = cipher.decrypt(bytes(4) + nonce[16:], ciphertext[25:],
                            framed("keyfold/v1/entry-payload", place))
    size = int.from_bytes(padded[:4], "big")
    assert padded[4:4 + size].hex() == row["payload"]
    assert len(padded) >= 256 and not any(padded[4 + size:])


def check_entry(row: dict) -> None:
    header, signature, seen, needed, ciphertext = whole(bytes.fromhex(row["entry"]))
    fields = whole(header)
    assert len(fields) == 15 and fields[0] == 1
    assert header.hex() == row["header"] and fields[10] == row["lamport"]
    assert keyfold_hash("keyfold/v1/entry-hash", header).hex() == row["hash"]
    assert fields[11] == keyfold_hash("keyfold/v1/seen", seen)
    assert fields[13] == keyfold_hash("keyfold/v1/needed", needed)
    assert fields[14] == keyfold_hash("keyfold/v1/entry-ciphertext", ciphertext)
    for listed in (whole(seen), whole(needed)):
        assert listed == sorted(listed)
    check_signature(bytes.fromhex(row["author"]), header, signature)
    check_payload(row, fields, ciphertext)


def main() -> int:
    vectors = json.loads(VECTORS.read_text())
    for row in vectors["entries"]:
        check_entry(row)
    heads = whole(bytes.fromhex(vectors["frontiers"][0]["attachment"]))
    by_header = {row["header"]: row for row in vectors["entries"]}
    for header, signature in heads:
        check_signature(bytes.fromhex(by_header[header.hex()]["author"]), header, signature)
    places = [whole(header)[3:6] for header, _ in heads]
    assert places == sorted(places)
    return 0


if __name__ == "__main__":
    sys.exit(main())
