#!/usr/bin/env python3
"""Reads tests/vectors/ledger.json with an implementation of its own, beside check_crypto.py: the chain, every hash, signature,
receipt and attachment, and the keys. (The file itself is written by vectors_test.cpp, from a seed.)

    check_ledger.py      checks; without the `cryptography` package all but signatures and boxes
"""

import json
import sys
from pathlib import Path

import check_crypto as crypto
from check_invitation import packed

FILE = Path(__file__).with_name("ledger.json")
ZERO = bytes(32)


def name(context: str) -> str:
    return "keyfold/v1/" + context


def unpacked(data: bytes):
    value, end = value_at(data, 0)
    assert end == len(data), "bytes after the end"
    return value


def value_at(data: bytes, at: int):
    """The strict msgpack of Keyfold: the value there, and where it ends."""
    head, at = data[at], at + 1
    if head < 0x80:
        return head, at
    if head in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[head], at
    if 0xCC <= head <= 0xCF:
        end = at + (1 << (head - 0xCC))
        return int.from_bytes(data[at:end], "big"), end
    if 0x90 <= head < 0xA0:
        items = []
        for _ in range(head & 15):
            item, at = value_at(data, at)
            items.append(item)
        return items, at
    if 0xA0 <= head < 0xC0:
        end = at + (head & 31)
        return data[at:end].decode(), end
    size = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2}[head]
    length, at = int.from_bytes(data[at:at + size], "big"), at + size
    raw = data[at:at + length]
    return (raw.decode() if head >= 0xD9 else raw), at + length


def check_signature(key: bytes, context: str, message: bytes, signature: bytes) -> None:
    assert key[0] == 1 and signature[0] == 1, "another algorithm"
    if crypto.COMPLETE:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[1:], crypto.framed(name(context), message))


def check_rotation(rotation: list, attachments: list) -> None:
    rows = unpacked(attachments[0])
    users = [user for user, _ in rows]
    assert users == sorted(set(users)) and len(rows) == rotation[3]
    leaves = [crypto.keyfold_hash(name("row-leaf"), user + row) for user, row in rows]
    assert crypto.merkle(leaves) == rotation[2], "rows root"
    assert crypto.keyfold_hash(name("earlier"), attachments[1]) == rotation[4], "earlier keys"


def check_attachments(body: list, attachments: list) -> None:
    kind, payload = body[0], body[3]
    if kind == 7:
        check_rotation(payload[0], attachments)
    if kind == 6 and payload[3]:
        check_rotation(payload[3], attachments)
    if kind == 6 and payload[4]:
        assert crypto.keyfold_hash(name("frontier"), attachments[2]) == payload[4], "frontier"


def check_records(golden: dict) -> None:
    organization = bytes.fromhex(golden["organization"]["id"])
    relay = bytes.fromhex(golden["organization"]["receipt_key"])
    devices, prev, kinds, term = {}, ZERO, set(), 0
    for seq, one in enumerate(golden["records"] + golden["moved"]["records"]):
        certificate, receipt = unpacked(bytes.fromhex(one["record"]))
        header_bytes, signatures, body_bytes, attachments = certificate
        header, body = unpacked(header_bytes), unpacked(body_bytes)
        hashed = crypto.keyfold_hash(name("certificate-hash"), header_bytes)
        assert hashed.hex() == one["hash"]
        assert header[:4] == [1, organization, seq, prev], "chain"
        assert header[6] == crypto.keyfold_hash(name("body"), body_bytes), "body"
        kind, payload = body[0], body[3]
        for device in {0: payload[7:8], 1: payload[4:5], 2: payload[1:2]}.get(kind, []):
            devices[device[0]] = device[1]
        check_signature(devices[header[4]], "certificate", header_bytes, signatures[0])
        if kind == 0:
            root = payload[1]
            assert organization == crypto.keyfold_hash(name("organization"), root[1:])[:16]
            check_signature(root, "genesis", header_bytes, signatures[1])
        check_attachments(body, attachments)
        statement, signature = receipt
        assert unpacked(statement)[:5] == [1, organization, term, seq, hashed], "receipt"
        check_signature(relay, "receipt", statement, signature)
        if kind == 15:
            assert payload[0] == term + 1 and payload[2][0].startswith("keyfold://")
            assert payload[1].hex() == golden["moved"]["receipt_key"]
            first, relay, term = relay, payload[1], payload[0]
        prev = hashed
        kinds.add(kind)
    assert kinds == {*range(8), 15} and term == 1
    hello = golden["hello"]
    check_signature(first, "hello", bytes.fromhex(hello["statement"]), bytes.fromhex(hello["signature"]))
    fence = golden["fence"]
    words = [1, organization, bytes.fromhex(fence["workspace"]), bytes.fromhex(fence["user"]), fence["seq"],
             bytes.fromhex(fence["hash"])]
    check_signature(devices[bytes.fromhex(fence["device"])], "fence", packed(words), bytes.fromhex(fence["signature"]))


def check_keys(golden: dict) -> None:
    keys = {field: bytes.fromhex(value) for field, value in golden["keys"].items()}
    commitment = crypto.keyfold_hash(name("commitment"), keys["target"] + (3).to_bytes(8, "big") + keys["key"])
    assert commitment == keys["commitment_epoch_3"]
    if not crypto.COMPLETE:
        return
    ephemeral = crypto.derive(keys["key"], name("row-ephemeral"), keys["user"])
    assert crypto.box(name("row"), keys["user_key"][1:], ephemeral, keys["key"]) == keys["row"]
    directory = crypto.X25519PrivateKey.from_private_bytes(crypto.derive(keys["key"], name("directory-box"), b""))
    assert b"\x02" + crypto.raw_public(directory) == keys["directory_public_key"]


def main() -> int:
    golden = json.loads(FILE.read_text())
    check_records(golden)
    check_keys(golden)
    return 0


if __name__ == "__main__":
    sys.exit(main())
