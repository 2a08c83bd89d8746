#!/usr/bin/env python3
"""Checks tests/vectors/beacon.json with an implementation of its own, beside check_crypto.py.

    check_beacon.py            checks; skips (77) where the `cryptography` package is not installed
    check_beacon.py --write    makes the file anew (a change of a format)
"""

import json
import sys
from pathlib import Path

import check_crypto as crypto
from check_invitation import packed

FILE = Path(__file__).with_name("beacon.json")


def beacon(number: int, port: int, time_ms: int) -> dict:
    seed = f"beacon {number}"
    key, device, nonce = crypto.sample(seed + " key"), crypto.sample(seed + " device", 16), crypto.sample(seed + " nonce", 24)
    group = crypto.derive(key, "keyfold/v1/beacon", b"")
    message = packed([1, device, port, time_ms])
    plaintext = (bytes([len(message)]) + message).ljust(120, b"\0")
    sealed = crypto.aead(group, nonce, "keyfold/v1/beacon", b"", plaintext)
    return {"epoch_key": key.hex(), "group_key": group.hex(), "device": device.hex(), "port": port, "time_ms": time_ms,
            "nonce": nonce.hex(), "datagram": sealed[1:].hex()}


def vectors() -> dict:
    return {"about": "Made by check_beacon.py, which shares no code with net/. Bytes are hexadecimal.",
            "beacons": [beacon(0, 7710, 1_790_000_000_000), beacon(1, 1, 0), beacon(2, 65535, 2**64 - 1)]}


def main() -> int:
    if not crypto.COMPLETE:
        print("the `cryptography` package is not installed")
        return 77
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
        return 0
    if json.loads(FILE.read_text()) != vectors():
        print("beacon.json is not what this program makes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
