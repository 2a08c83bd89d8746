#!/usr/bin/env python3
"""Checks tests/vectors/workspace.json with an implementation of its own (standard library only).

    check_workspace.py            checks
    check_workspace.py --write    makes the file anew (a change of a format)
"""

import hashlib
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

FILE = Path(__file__).with_name("workspace.json")
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
FILE_KIND, FOLDER_KIND, SYMLINK_KIND = 1, 2, 3
ROOT = bytes(16)


def sample(seed: str, size: int) -> bytes:
    return hashlib.shake_256(("workspace " + seed).encode()).digest(size)


def keyfold_hash(name: str, data: bytes) -> bytes:
    context = ("keyfold/v1/" + name).encode()
    return hashlib.sha256(bytes([len(context)]) + context + data).digest()


def base32(data: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(ALPHABET[int(bits[i:i + 5], 2)] for i in range(0, len(bits), 5))


def sized(value: int, heads: tuple) -> bytes:
    for head, size in zip(heads, (1, 2, 4)):
        if value < 1 << (8 * size):
            return bytes([head]) + value.to_bytes(size, "big")
    raise ValueError("too long")


def packed(value) -> bytes:
    """The strict msgpack of Keyfold."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if value < 0x80:
            return bytes([value])
        return b"\xcf" + value.to_bytes(8, "big") if value >= 1 << 32 else sized(value, (0xCC, 0xCD, 0xCE))
    if isinstance(value, bytes):
        return sized(len(value), (0xC4, 0xC5, 0xC6)) + value
    if isinstance(value, str):
        raw = value.encode()
        return (bytes([0xA0 | len(raw)]) if len(raw) < 32 else sized(len(raw), (0xD9, 0xDA, 0xDB))) + raw
    body = b"".join(packed(item) for item in value)
    if len(value) < 16:
        return bytes([0x90 | len(value)]) + body
    return b"\xdc" + len(value).to_bytes(2, "big") + body


def u64(value: int) -> int:
    return value % (1 << 64)


def payload(name: str, objects: list, operations: list) -> dict:
    return {"name": name, "payload": packed([1, [[o, 0x13, k] for o, k in objects], operations]).hex()}


def payload_vectors() -> list:
    node, other, nonce = sample("node", 16), sample("other", 16), sample("nonce", 16)
    version, before = sample("version", 16), sample("before", 16)
    objects = [(sample("object 1", 32), sample("key 1", 32)), (sample("object 2", 32), sample("key 2", 32))]
    chunks = [[0, 0, 100_000, sample("chunk 1", 32)], [1, 70_000, 50_000, sample("chunk 2", 32)],
              [0, 100_000, 7, sample("chunk 3", 32)]]
    content = [150_007, u64(-1_500_000_000), True, sample("list", 32), 0, chunks]
    return [
        payload("nothing", [], []),
        payload("create", [], [[1, True, nonce, FOLDER_KIND, ROOT, "Bücher"]]),
        payload("move", [], [[2, True, node, other, "a" * 255]]),
        payload("delete", [], [[3, True, node]]),
        payload("write", objects, [[4, True, node, version, [before], content]]),
        payload("write symlink", [], [[4, True, node, version, [], [b"../target", 1_763_820_180_123_456_789]]]),
        payload("drop", [], [[5, True, node, [version, before]]]),
        payload("split", [], [[6, True, node, version, nonce, other, "copy.txt"]]),
        payload("time", [], [[7, False, 1_763_820_180_123], [3, True, node]]),
        payload("two writes that share an object", objects[:1], [
            [4, True, node, version, [], [7, 0, False, sample("list", 32), 0, [[0, 0, 7, sample("c", 32)]]]],
            [4, True, other, before, [], [1 << 40, 0, False, sample("big", 32), 1, [[0, 7, 900, sample("l", 32)]]]]]),
    ]


def later_vectors() -> list:
    return [payload("skipped", [], [[77, False, "whatever", [1, [2]]], [3, True, sample("node", 16)]]),
            payload("refused", [], [[77, True]])]


def node_vectors() -> list:
    rows = []
    for number in range(3):
        workspace, device, nonce = (sample(f"{what} {number}", 16) for what in ("workspace", "device", "nonce"))
        rows.append({"workspace": workspace.hex(), "device": device.hex(), "nonce": nonce.hex(),
                     "node": keyfold_hash("node", workspace + device + nonce)[:16].hex()})
    return rows


def with_suffix(name: str, suffix: str) -> str:
    raw = name.encode()
    dot = raw.rfind(b".")
    border = dot if dot > 0 else len(raw)
    if border < len(raw) and raw[:border].endswith(b".tar") and border > 4:
        border -= 4
    if len(raw) - border + len(suffix) + 4 > 255:
        border = len(raw)
    stem, extension = raw[:border], raw[border:]
    stem = stem[:255 - len(suffix) - len(extension)].decode(errors="ignore").encode()
    return (stem + suffix.encode() + extension).decode()


def name_vectors() -> list:
    device = sample("device", 16)
    moments = ["2026-11-22T14:03:59+00:00", "1969-12-31T23:59:59+00:00", "2100-02-28T00:00:00+00:00"]
    names = ["report.txt", "backup.tar.gz", ".bashrc", ".tar.gz", "a.tar", "noext", "dot.", "x" * 255, "é" * 127 + ".txt",
             "y." + "z" * 250, "日本語のファイル.md", "two words.tar.zst", "..."]
    rows = []
    for index, name in enumerate(names):
        moment = datetime.fromisoformat(moments[index % len(moments)])
        ms = int(moment.timestamp() * 1000) + (1 if index % 2 else 0)
        stamp = f"{moment.astimezone(timezone.utc):%Y-%m-%d %H.%M}Z"
        code = base32(device)[:4]
        rows.append({"name": name, "device": device.hex(), "ms": str(ms),
                     "conflict": with_suffix(name, f" (conflict, {code}, {stamp})"),
                     "conflict_2": with_suffix(name, f" (conflict, {code}, {stamp}, 2)"),
                     "clash_2": with_suffix(name, " (2)"), "clash_10": with_suffix(name, " (10)")})
    return rows


def vectors() -> dict:
    return {"about": "Made by check_workspace.py, which shares no code with store/. Bytes are hexadecimal.",
            "payloads": payload_vectors(), "later": later_vectors(), "nodes": node_vectors(), "names": name_vectors()}


def main() -> int:
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
        return 0
    if json.loads(FILE.read_text()) != vectors():
        print("workspace.json is not what this program makes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
