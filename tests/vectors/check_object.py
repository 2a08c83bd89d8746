#!/usr/bin/env python3
"""Checks tests/vectors/object.json and keyfile.json with an implementation of its own (see check_crypto.py).

    check_object.py            checks; what needs `cryptography` is left out where it is not installed
    check_object.py --write    makes the files anew (a change of a format)
"""

import hashlib
import json
import sys
from pathlib import Path

from check_crypto import (CELL, COMPLETE, aead, argon2id, derive, keyfold_hash, padme, pattern, sample, stream)

FOLDER = Path(__file__).parent
ALGORITHM = b"\x13"


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def seeded(seed: int, size: int) -> bytes:
    """The bytes of seeded_random(seed): BLAKE2b-512 of seed and counter."""
    blocks = (size + 63) // 64
    return b"".join(hashlib.blake2b(u64(seed) + u64(i)).digest() for i in range(blocks))[:size]


def gear_of(secret: bytes) -> list:
    return [int.from_bytes(derive(secret, "keyfold/v1/gear", bytes([i]))[:8], "big") for i in range(256)]


def cut(gear: list, sizes: list, data: bytes) -> list:
    """The ends of the chunks of `data`."""
    smallest, average, largest = sizes
    bits = average.bit_length() - 1
    before, beyond = (((1 << n) - 1) << (63 - n) for n in (bits + 2, bits - 2))
    ends, start = [], 0
    while start < len(data):
        fingerprint, length = 0, smallest
        while start + length < len(data) and length < largest:
            fingerprint = ((fingerprint << 1) + gear[data[start + length]]) & (2**64 - 1)
            length += 1
            if fingerprint & (before if length <= average else beyond) == 0:
                break
        start = min(start + length, len(data))
        ends.append(start)
    return ends


def object_id(sealed: bytes) -> bytes:
    cells = (sealed[i:i + CELL + 16] for i in range(0, len(sealed), CELL + 16))
    hashes = b"".join(keyfold_hash("keyfold/v1/cell", cell) for cell in cells)
    return keyfold_hash("keyfold/v1/object", ALGORITHM + u64(len(sealed)) + hashes)


def row(object_: bytes, key: bytes, offset: int, plaintext: bytes) -> bytes:
    return object_ + ALGORITHM + key + u64(offset) + u64(len(plaintext)) + keyfold_hash("keyfold/v1/chunk", plaintext)


def plain_object_vectors() -> dict:
    secret, megabyte = sample("chunking"), seeded(1, 1 << 20)
    gear = gear_of(secret)
    cuts = []
    for sizes, length in ([64, 256, 1024], 1 << 14), ([4096, 16384, 65536], 1 << 20), ([65536, 262144, 1048576], 1 << 20):
        cuts.append({"secret": secret.hex(), "seed": 1, "size": length, "sizes": sizes,
                     "ends": cut(gear, sizes, megabyte[:length])})
    sizes = [1, 100, 4096, 4097, 5000, 65536, 100_000, 1_000_000, 2_000_000, 2 << 20, 3_333_333, 4 << 20]
    padded = [{"size": size, "padded": padme(max(size, 4096))} for size in sizes]
    chunks = [b"alice", pattern(70_000)]
    hashes = b"".join(keyfold_hash("keyfold/v1/chunk", c) for c in chunks)
    ids, key = sample("some object"), sample("its key")
    return {
        "gear": [{"secret": secret.hex(), "values": [f"{value:016x}" for value in gear]}],
        "cuts": cuts,
        "padded": padded,
        "lists": [{"object": ids.hex(), "key": key.hex(), "chunks": [c.hex() for c in chunks[:1]] + ["pattern 70000"],
                   "rows": (row(ids, key, 0, chunks[0]) + row(ids, key, 5, chunks[1])).hex(),
                   "size": 70_005, "list_hash": keyfold_hash("keyfold/v1/chunk-list", u64(70_005) + hashes).hex()}],
    }


def sealed_object_vectors() -> dict:
    rows = []
    for size in 1, 4096, 65_536, 70_000, 200_000:
        key, plaintext = sample(f"object {size}"), pattern(size)
        sealed = stream(key, plaintext + bytes(padme(max(size, 4096)) - size))
        rows.append({"key": key.hex(), "pattern": size, "size": len(sealed),
                     "sha256": hashlib.sha256(sealed).hexdigest(), "id": object_id(sealed).hex()})
    return {"sealed": rows}


def packed(value) -> bytes:
    """The strict msgpack of crypto/codec.hpp, of short values."""
    if isinstance(value, int):
        if value < 128:
            return bytes([value])
        size = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4 if value < 1 << 32 else 8
        return bytes([{1: 0xCC, 2: 0xCD, 4: 0xCE, 8: 0xCF}[size]]) + value.to_bytes(size, "big")
    if isinstance(value, str):
        text = value.encode()
        assert len(text) < 256
        return (bytes([0xA0 | len(text)]) if len(text) < 32 else bytes([0xD9, len(text)])) + text
    if isinstance(value, bytes):
        return (bytes([0xC4, len(value)]) if len(value) < 256 else b"\xc5" + len(value).to_bytes(2, "big")) + value
    assert len(value) < 16
    return bytes([0x90 | len(value)]) + b"".join(packed(item) for item in value)


def key_file_vectors() -> dict:
    password, salt = "correct horse battery staple", sample("salt", 16)
    fields = {name: sample(name) for name in ("root", "user key", "signing", "link", "local")}
    ids = {name: sample(name, 16) for name in ("organization", "device", "user")}
    relay_key = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")  # RFC 7748, 6.1
    header = packed([1, "Cooperative", ids["organization"], ids["device"], "alice's laptop", 1,
                     ["argon2id13", 65536, 3, salt]])
    secrets = packed([1, b"\x01" + fields["root"], "relay.example:7777", b"\x02" + relay_key, ids["user"],
                      fields["user key"], fields["signing"], fields["link"], fields["local"]])
    key = argon2id(password.encode(), 65536, 3, salt)
    sealed = aead(key, sample("nonce", 24), "keyfold/v1/key-file", header, secrets)
    texts = {name.replace(" ", "_"): value.hex() for name, value in {**fields, **ids}.items()}
    return {"password": [{"password": password, "file": packed([header, sealed]).hex(), "salt": salt.hex(),
                          "organization_name": "Cooperative", "label": "alice's laptop",
                          "relay_address": "relay.example:7777", "relay_key": relay_key.hex(), **texts}]}


def check(name: str, made: dict) -> bool:
    file = FOLDER / f"{name}.json"
    if sys.argv[1:] == ["--write"]:
        about = "Made by check_object.py, which shares no code with store/. Bytes are hexadecimal."
        file.write_text(json.dumps({"about": about, **made}, indent=1) + "\n")
    stored = json.loads(file.read_text())
    wrong = [group for group, rows in made.items() if stored.get(group) != rows]
    for group in wrong:
        print(f"check_object: {name}: the vectors of {group} are not what this program computes")
    return not wrong


def main() -> int:
    if sys.argv[1:] == ["--write"] and not COMPLETE:
        print("check_object: install the Python package `cryptography` first", file=sys.stderr)
        return 1
    made = plain_object_vectors()
    if COMPLETE:
        made.update(sealed_object_vectors())
    good = check("object", made)
    if COMPLETE:
        good = check("keyfile", key_file_vectors()) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
