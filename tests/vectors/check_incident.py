#!/usr/bin/env python3
"""Reads tests/vectors/incident.json with an implementation of its own, beside check_ledger.py: each file's hash, the
ledger in it from the root key on, and what its statements contradict each other in. (The file itself is written by
vectors_test.cpp.)

    check_incident.py      checks; without the `cryptography` package all but signatures
"""

import json
import sys
from pathlib import Path

import check_crypto as crypto
from check_ledger import ZERO, check_signature, name, unpacked

FILE = Path(__file__).with_name("incident.json")
KINDS = {1: "relay_forked", 2: "relay_stepped_back", 4: "certificate_refused", 5: "feed_forked",
         6: "entry_invalid", 7: "ledger_mismatch"}


def hashed(context: str, data: bytes) -> bytes:
    return crypto.keyfold_hash(name(context), data)


class Ledger:
    """The records of a file: hashes, the relay's key, devices' keys."""

    def __init__(self, records, golden):
        self.hashes, self.devices, self.relay = [], {}, None
        self.id = bytes.fromhex(golden["organization"]["id"])
        for seq, encoded in enumerate(records):
            (header_bytes, signatures, body, attachments), receipt = unpacked(encoded)
            header = unpacked(header_bytes)
            assert header[:4] == [1, self.id, seq, self.hashes[-1] if self.hashes else ZERO], "chain"
            assert attachments is None and (body is None) == (header[5] != b""), "no more than everybody may see"
            if body is not None:
                assert header[6] == hashed("body", body)
                self.take(unpacked(body), header_bytes, signatures, golden)
            check_signature(self.devices[header[4]], "certificate", header_bytes, signatures[0])
            self.hashes.append(hashed("certificate-hash", header_bytes))
            assert self.statement(receipt)[3:5] == [seq, self.hashes[-1]], "receipt"

    def take(self, body, header_bytes, signatures, golden):
        kind, payload = body[0], body[3]
        if kind == 0:
            assert payload[1].hex() == golden["organization"]["root"], "root key"
            assert self.id == hashed("organization", payload[1][1:])[:16]
            check_signature(payload[1], "genesis", header_bytes, signatures[1])
            self.relay = payload[2]
        for device in {0: payload[7:8], 1: payload[4:5], 2: payload[1:2]}.get(kind, []):
            self.devices[device[0]] = device[1]

    def statement(self, signed):
        data, signature = signed
        out = unpacked(data)
        assert out[:3] == [1, self.id, 0]
        check_signature(self.relay, "hello" if len(out) == 8 else "receipt", data, signature)
        return out

    def entry(self, signed):
        header = unpacked(signed[0])
        check_signature(self.devices[header[3]], "entry", signed[0], signed[1])
        return header


def check_relay(kind, ledger, first, second, header):
    a, b = ledger.statement(first), ledger.statement(second)
    if header is not None:
        assert kind == 1 and hashed("certificate-hash", header) == b[4]
        assert unpacked(header)[2] == b[3] == a[3] + 1 and unpacked(header)[3] != a[4]
    elif kind == 1:
        assert a[3] == b[3] and a[4] != b[4]
    else:
        assert kind == 2 and a[6] == b[6] and (a[5] == b[5] or (a[5] < b[5]) == (a[3] > b[3]))


def check_evidence(kind, evidence, ledger):
    shape, *fields = evidence
    if shape == 1:
        return check_relay(kind, ledger, *fields)
    if shape == 2:
        (header_bytes, signatures, body, _), receipt = unpacked(fields[0])
        header = unpacked(header_bytes)
        check_signature(ledger.devices[header[4]], "certificate", header_bytes, signatures[0])
        assert header[2] == len(ledger.hashes) and header[3] == ledger.hashes[-1] and header[6] == hashed("body", body)
        assert ledger.statement(receipt)[4] == hashed("certificate-hash", header_bytes)
        return None  # which rule it breaks is told by the rules
    entry = ledger.entry(fields[0])
    if shape == 3:
        other = ledger.entry(fields[1])
        assert entry[1:6] == other[1:6] and fields[0][0] != fields[1][0]
        return None
    assert shape == 4 and hashed("seen", fields[1]) == entry[11]
    if kind == 7:
        assert entry[8] != ledger.hashes[entry[7]]
        return None
    past = {hashed("entry-hash", header): unpacked(header) for header in fields[2]}
    assert entry[6] in past and entry[10] != past[entry[6]][10] + 1, "lamport"
    return None


def main() -> int:
    golden = json.loads(FILE.read_text())
    seen = set()
    for row in golden["files"]:
        body, said = unpacked(bytes.fromhex(row["file"]))
        assert said == hashed("incident-file", body), "the file's hash"
        version, kind, evidence, records = unpacked(body)
        assert version == 1 and KINDS[kind] == row["kind"]
        check_evidence(kind, evidence, Ledger(records, golden))
        seen.add(kind)
    assert seen == set(KINDS)
    for row in golden["reports"]:
        assert unpacked(bytes.fromhex(row["report"]))[0] == 1
    assert [unpacked(bytes.fromhex(row["report"]))[1] for row in golden["reports"]] == [3, 34, 48]
    return 0


if __name__ == "__main__":
    sys.exit(main())
