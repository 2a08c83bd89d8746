#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, tests/fuzz/corpus/TARGET/NAME: real encodings, most of them out of the golden
vectors. Run it again when a format has changed; files that it does not write (findings) are left alone.

    tests/fuzz/seeds.py
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
sys.path.insert(0, str(VECTORS))

from check_ledger import unpacked as whole  # the second reader of the format


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def raw(text):
    return bytes.fromhex(text)


def pack(value):
    """Keyfold's subset of msgpack. Python's str, bytes, bool, int, None and list."""
    def sized(n, fixed, fix_lead, lead8, lead16, lead32):
        if n < fixed:
            return bytes([fix_lead | n])
        for lead, width in ((lead8, 1), (lead16, 2), (lead32, 4)):
            if lead and n < 1 << 8 * width:
                return bytes([lead]) + n.to_bytes(width, "big")
        raise ValueError(n)
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcf" + value.to_bytes(8, "big") if value > 0xffffffff else sized(value, 0x80, 0, 0xcc, 0xcd, 0xce)
    if isinstance(value, bytes):
        return sized(len(value), 0, 0, 0xc4, 0xc5, 0xc6) + value
    if isinstance(value, str):
        return sized(len(value.encode()), 32, 0xa0, 0xd9, 0xda, 0xdb) + value.encode()
    return sized(len(value), 16, 0x90, 0, 0xdc, 0xdd) + b"".join(map(pack, value))


def part(data):
    return len(data).to_bytes(2, "big") + data


ID = bytes(range(16))
HASH = bytes(range(32))
KEY = b"\x01" + HASH

# Messages: kind -> bodies (docs/PROTOCOL.md), and those that have a second frame.
MESSAGES = {
    1: [[[1, 2], ID, 0, HASH, [7, HASH]], [[1], ID, 1, HASH, None]],
    2: [[]], 3: [["stale_head", "the ledger has moved", pack([[HASH]])]], 4: [[]],
    10: [[0, ID, 1000], [3, None, 1]], 11: [[]],
    20: [[ID, [[ID, ID, 3, HASH]]]], 21: [[ID, ID]], 22: [[ID, ID, [9, HASH], bytes([1]) * 65]],
    23: [[ID, None], [ID, 5]], 30: [[ID, [HASH]]], 31: [[ID, HASH]], 32: [[ID, HASH, 1, 2]],
    40: [[HASH, bytes([1]) * 65]], 41: [[ID]], 42: [[ID, True]], 43: [[ID, 2]],
    50: [[ID, 1, 1795356239000, 0, b"sealed"]], 51: [[]], 52: [[ID]], 53: [[ID, 2]], 54: [[ID, 1, b"payload"]],
    55: [[ID, 1, "done"]], 56: [[ID, 1, 3, b"payload"]], 70: [["acme", None], ["acme", "token"]],
}
WITH_BULK = {11, 23, 31, 41, 70}
ANSWERS = [
    [], [1, HASH, bytes([1]) * 65, KEY], [[HASH, HASH]], [12, 3], [[[ID, ID, 3, HASH]]], [2, [HASH]], [[HASH]],
    [4112, [HASH]], [[[ID, 2, 1795356239000, 1, b"sealed", False]]], [3, True],
]


def net_seeds():
    for number, row in enumerate(vectors("beacon")["beacons"]):
        now = row["time_ms"].to_bytes(8, "big")
        message = pack([1, raw(row["device"]), row["port"], row["time_ms"]])
        yield "net_beacon", f"sent-{number}", raw(row["datagram"])
        yield "net_beacon", f"sealed-{number}", now + bytes([len(message)]) + message
        yield "net_beacon", f"padded-{number}", now + bytes([len(message)]) + message + b"x"
    for kind, bodies in MESSAGES.items():
        for number, body in enumerate(bodies):
            bulk = pack([[1, b"two"], b"three"]) if kind in WITH_BULK else b""
            yield "net_message", f"{kind}-{number}", part(bulk) + pack([1, kind, 0 if 40 <= kind < 50 or kind == 56
                                                                        else 7, body])
    for number, body in enumerate(ANSWERS):
        yield "net_answer", str(number), bytes([number]) + pack(body)


def ledger_seeds():
    ledger = vectors("ledger")
    for number, row in enumerate(ledger["records"]):
        name = f"{number:02}-{row['kind']}"
        certificate, receipt = whole(raw(row["record"]))
        yield "ledger_body", name, raw(row["body"])
        yield "ledger_certificate", f"{name}-header", b"\0" + raw(row["header"])
        yield "ledger_certificate", name, b"\1" + pack(certificate)
        if number < 2:
            yield "ledger_receipt", f"{name}-record", b"\2" + raw(row["record"])
            yield "ledger_receipt", f"{name}-receipt", b"\1" + pack(receipt)
            yield "ledger_receipt", f"{name}-statement", b"\0" + receipt[0]
        if certificate[3] is not None:
            for which, attached in enumerate(certificate[3]):
                if attached is not None:
                    parts = which == 2 and row["kind"] == "user_revoked"
                    yield "ledger_attachments", f"{name}-{which}", bytes([3 if parts else which]) + attached
    bare = next(pack(whole(raw(row["record"]))[0]) for row in ledger["records"] if whole(raw(row["record"]))[0][3] is None)
    yield "ledger_certificate", "attached-nothing-twice", b"\1" + bare[:-1] + b"\x93\xc0\xc0\xc0"
    first, second = (whole(raw(row["record"]))[1][0] for row in ledger["records"][:2])
    yield "ledger_receipt", "two-statements", b"\3" + part(first) + second
    yield "ledger_receipt", "hello", b"\0" + raw(ledger["hello"]["statement"])
    yield "ledger_attachments", "parts", b"\3" + pack([[ID, pack([])]])


def sealed_text_seeds():
    yield "sealed_texts", "handle", b"\0" + pack(["alice@example.org", "Alice"])
    yield "sealed_texts", "name", b"\1" + "Bücher".encode()
    yield "sealed_texts", "label", b"\2" + b"alice's laptop"
    yield "sealed_texts", "about", b"\3" + pack([1, 1, "bob@example.org", False, 1795356239000])
    yield "sealed_texts", "about-device", b"\3" + pack([1, 2, None, True, 1])


def feed_seeds():
    feed = vectors("feed")
    for number, row in enumerate(feed["entries"]):
        fields = whole(raw(row["entry"]))
        yield "feed_entry", f"{number}-entry", b"\3" + raw(row["entry"])
        yield "feed_entry", f"{number}-header", b"\0" + raw(row["header"])
        yield "feed_entry", f"{number}-seen", b"\1" + fields[2]
        yield "feed_entry", f"{number}-needed", b"\2" + fields[3]
        payload = raw(row["payload"])
        if len(payload) <= 252:
            yield "feed_padding", str(number), (len(payload).to_bytes(4, "big") + payload).ljust(256, b"\0")
    yield "feed_padding", "empty", bytes(256)
    for number, row in enumerate(feed["refused"]):
        yield "feed_entry", f"refused-{number}", b"\3" + raw(row["entry"])
    for number, row in enumerate(feed["frontiers"]):
        yield "ledger_attachments", f"frontier-{number}", b"\2" + raw(row["attachment"])


def incident_seeds():
    incident = vectors("incident")
    for row in incident["files"]:
        file = raw(row["file"])
        name = row["kind"]
        if name == "relay_forked" and not row["evidence"].endswith("c0"):
            name += "-header"
        yield "incident", f"{name}-evidence", b"\0" + raw(row["evidence"])
        yield "incident", f"{name}-body", b"\2" + whole(file)[0]
        yield "incident", f"{name}-file", b"\3" + file
    for number, row in enumerate(incident["reports"]):
        yield "incident", f"report-{number}", b"\1" + raw(row["report"])


def workspace_seeds():
    workspace = vectors("workspace")
    for row in workspace["payloads"] + workspace["later"]:
        yield "workspace_payload", row["name"].replace(" ", "-").replace("/", "-"), raw(row["payload"])
    for number, row in enumerate(workspace["names"]):
        yield "names", f"{number:02}", bytes(2) + (int(row["ms"]) % (1 << 48)).to_bytes(6, "big") + row["name"].encode()
    yield "names", "decomposed", bytes(8) + "Ångström.tar.gz".encode()
    yield "names", "long", bytes(8) + ("é" * 120 + ".jpeg").encode()
    yield "names", "not-utf8", bytes(8) + b"caf\xe9"


def object_seeds():
    row = vectors("object")["lists"][0]
    rows = raw(row["rows"])
    yield "chunk_lists", "rows", b"\0" + rows
    chunk = [rows[:32], 0x13, rows[33:65], int.from_bytes(rows[65:73], "big"), int.from_bytes(rows[73:81], "big"),
             rows[81:113]]
    yield "chunk_lists", "level-1", b"\1" + pack([chunk, chunk])
    for name, first, offset, length in (("whole", 0, 0, 70000), ("second-cell", 1, 65536, 4464), ("outside", 0, 70000, 1),
                                        ("between", 1, 65000, 1000), ("beyond", 3, 5, 5)):
        yield "object_cells", name, (bytes([first]) + offset.to_bytes(3, "big") + length.to_bytes(3, "big") +
                                     (70000).to_bytes(4, "big") + b"\x01\x02\x55" + bytes(64))
    small = b"".join(n.to_bytes(4, "big") for n in (0xffffffff, 64, 256, 1024))
    yield "chunk_sizes", "small", b"\1" + small + (5000).to_bytes(4, "big") + bytes(range(256)) * 12
    usual = b"".join(n.to_bytes(4, "big") for n in (1 << 30, 1 << 16, 1 << 18, 1 << 20, 0xffffffff, 1 << 18, 1 << 20,
                                                    1 << 22))
    yield "chunk_sizes", "usual", b"\2" + usual + (5000).to_bytes(4, "big") + bytes(range(256))


def invitation_seeds():
    invitation = vectors("invitation")
    for number, row in enumerate(invitation["links"]):
        yield "invitation_link", str(number), row["link"].encode()
        base, key = row["link"].split("/", 3)[2], row["link"].split("k=")[1].split("&")[0].split("#")[0]
        yield "invitation_link", f"{number}-address", f"keyfold://{base}/?k={key}".encode()
        token = row["link"].split("t=")[1].split("#")[0]
        yield "invitation_link", f"{number}-creation", \
            f"keyfold://{base}/?a=create&k={key}&n=B%C3%BCcher%20und%20mehr&t={token}".encode()
    for number, row in enumerate(invitation["exchanges"]):
        commit = raw(row["guest_commit"])
        yield "invitation_messages", f"commit-{number}", b"\x80" + part(commit) + pack([2, HASH])
        yield "invitation_messages", f"own-commit-{number}", b"\x00" + raw(row["greeter_commit"])
    keyfile = vectors("keyfile")["password"][0]
    box = b"\x02" + raw(keyfile["relay_key"])
    body = pack([box, KEY, box, "laptop", "bob@example.org", "Bob"])
    yield "invitation_messages", "claim", b"\0" + pack([5, body, bytes([1]) * 65])
    yield "invitation_messages", "claim-device", b"\1" + pack([5, pack([None, KEY, box, "desk", None, None]),
                                                              bytes([1]) * 65])
    admit = [6, ID, ID, 2, KEY, "acme", [9, HASH], ["keyfold://relay:1/"], None]
    yield "invitation_messages", "admit", b"\0" + pack(admit)
    yield "invitation_messages", "admit-device", b"\1" + pack(admit[:-1] + [HASH])
    yield "invitation_messages", "abort", b"\0" + pack([9, "wrong_code"])
    yield "invitation_messages", "signal", b"\0" + pack([3])
    yield "invitation_messages", "progress", b"\0" + pack([1, 3, KEY])
    for options in range(8):
        yield "invitation_relay", f"honest-{options}", bytes([options])
    yield "invitation_relay", "changed", bytes([0, 0, 0, 1, 0, 3, 0xff]) + bytes(20)
    yield "invitation_relay", "lost", bytes([0, 0, 2, 0, 0, 0, 3, 1, 0, 2, 1, 0, 0])
    yield "invitation_relay", "replayed", bytes([1, 0, 3, 0, 3, 1, 3, 2, 0, 0, 1, 0, 3, 3])
    yield "invitation_relay", "invented", bytes([4, 4]) + part(pack([2, HASH])) + bytes([0, 5, 0, 9, 0, 0])


def device_seeds():
    row = vectors("keyfile")["password"][0]
    file = raw(row["file"])
    yield "vault_key_file", "file", b"\0" + file
    secrets = pack([1, b"\x01" + raw(row["root"]), row["relay_address"], b"\x02" + raw(row["relay_key"]),
                    raw(row["user"]), raw(row["user_key"]), raw(row["signing"]), raw(row["link"]), raw(row["local"])])
    yield "vault_key_file", "secrets", b"\1" + part(whole(file)[0]) + secrets
    yield "mirror_marker", "marker", pack([1, ID, ID])
    rows = {
        0: [ID, ID, 0, 1, 2, 3, HASH, 4, 5], 1: [1, ID, ID, 2, 3, 4, 5, bytes([1, 2, 0x83, 1, 5])],
        2: [ID, ID, 1, 2, 3, HASH, 4, 5, 6, True, False], 3: [1, 2, 3, 4, 5], 4: [b"operation", [HASH]],
        5: [1, 2, 3, HASH], 6: [1, HASH, HASH], 7: [1, "acme", False, 1795356239000],
        8: [1, 0, "name", b"name", ID, ID, HASH, [1, 5, 6, 7, 8, 9, 10, False, b""]],
        9: [True, False, True, False, False, bytes(88), bytes(88), ID, ID, ID, "name", [bytes(88)], 1, 2, 3, 4, 5, 6],
    }
    for which, fields in rows.items():
        yield "stored_rows", str(which), bytes([which]) + pack(fields)


def text_seeds():
    crypto = vectors("crypto")
    for group in ("base32", "base64url"):
        for number, row in enumerate(crypto[group]):
            yield "text", f"{group}-{number}", row["text"].encode()
    yield "text", "code", b"AB3D"
    yield "text", "hex", b"00fe12"
    for number, row in enumerate(crypto["codec_refused"]):
        if len(row["bytes"]) <= 4096:
            yield "codec", f"refused-{number:02}", raw(row["bytes"])
    yield "codec", "all-kinds", pack([None, True, 0, 200, 70000, 1 << 40, "text", "t" * 40, b"b" * 300, [[], [1] * 20]])
    yield "codec", "deepest", b"\x91" * 16 + b"\xc0"
    yield "codec", "too-deep", b"\x91" * 17 + b"\xc0"
    yield "seals", "sealed", raw(crypto["aead"][0]["sealed"])
    yield "seals", "box", raw(crypto["box"][0]["box"])
    yield "seals", "signature", raw(crypto["sign"][0]["signature"])
    yield "seals", "box-key", raw(vectors("ledger")["keys"]["directory_public_key"])
    for number, row in enumerate(crypto["box_key_refused"]):
        yield "seals", f"refused-{number}", raw(row["key"])


def api_seeds():
    calls = [
        {}, {"workspace": "papers", "path": "/a/b"}, {"workspace": "papers", "timeout": 1.5, "all": True},
        {"exchange": "X", "answer": {"accept": True, "profile": "member", "email": None}},
        {"exchange": "X", "answer": {"pick": "AB3D"}}, {"workspace": "w", "answer": "restore"},
        {"expires_in": 1e300, "recursive": "yes"}, {"path": "/a\0b"}, [1, 2], {"name": "\ud83d"},
    ]
    for number, call in enumerate(calls):
        yield "api_call", str(number), json.dumps(call).encode()
    yield "api_call", "path", "/Bücher//x.txt".encode()
    yield "api_call", "dots", b"/a/../b"
    yield "api_call", "deep", b"[" * 2000


def main():
    written = 0
    for source in (net_seeds, ledger_seeds, sealed_text_seeds, feed_seeds, incident_seeds, workspace_seeds, object_seeds,
                   invitation_seeds, device_seeds, text_seeds, api_seeds):
        for target, name, data in source():
            folder = HERE / "corpus" / target
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            written += 1
    print(f"{written} seeds in {HERE / 'corpus'}")


if __name__ == "__main__":
    main()
