#!/usr/bin/env python3
"""Checks tests/vectors/invitation.json with an implementation of its own, beside check_crypto.py.

    check_invitation.py            checks; skips (77) where the `cryptography` package is not installed
    check_invitation.py --write    makes the file anew (a change of a format)
"""

import json
import sys
from pathlib import Path

import check_crypto as crypto

FILE = Path(__file__).with_name("invitation.json")
GREETER, GUEST = 1, 2


def packed(value) -> bytes:
    """The strict msgpack of Keyfold, as far as it is needed here."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        for limit, head, size in ((0x80, b"", 1), (1 << 8, b"\xcc", 1), (1 << 16, b"\xcd", 2), (1 << 32, b"\xce", 4)):
            if value < limit:
                return head + value.to_bytes(size, "big")
        return b"\xcf" + value.to_bytes(8, "big")
    if isinstance(value, bytes):
        return b"\xc4" + bytes([len(value)]) + value
    if isinstance(value, str):
        raw = value.encode()
        return (bytes([0xA0 | len(raw)]) if len(raw) < 32 else b"\xd9" + bytes([len(raw)])) + raw
    return bytes([0x90 | len(value)]) + b"".join(packed(item) for item in value)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def link_vectors() -> list:
    rows = []
    for number, (place, kind, secret) in enumerate((("relay.example.org:7700", "user", True), ("[2001:db8::7]:1", "device", True),
                                                    ("192.0.2.7:65535", "user", False))):
        seed = f"link {number}"
        key = crypto.raw_public(crypto.X25519PrivateKey.from_private_bytes(crypto.sample(seed)))
        organization, token = crypto.sample(seed + " org", 16), crypto.sample(seed + " token", 16)
        secret_bytes = crypto.sample(seed + " secret", 16) if secret else b""
        link = (f"keyfold://{place}/{crypto.base32(organization)}?a={kind}&k={crypto.base64url(bytes([2]) + key)}"
                f"&t={crypto.base64url(token)}" + ("#" + crypto.base64url(secret_bytes) if secret else ""))
        rows.append({"link": link, "place": place, "relay_key": key.hex(), "organization": organization.hex(),
                     "token": token.hex(), "secret": secret_bytes.hex()})
    return rows


def secret_vectors() -> list:
    key, token = crypto.sample("inviting key"), crypto.sample("inviting token", 16)
    about = packed([1, 1, "bob@example.org", True, 1_234_567])
    sealed = crypto.aead(crypto.derive(key, "keyfold/v1/invitation-about", b""), crypto.sample("about nonce", 24),
                         "keyfold/v1/invitation-about", token, about)
    return [{"inviting_key": key.hex(), "token": token.hex(), "sealed_about": sealed.hex(), "email": "bob@example.org",
             "mailed": True, "link_secret": crypto.derive(key, "keyfold/v1/link-secret", token)[:16].hex()}]


def exchange(kind: int, secret: bytes, attempt: int) -> dict:
    seed = f"exchange {kind} {attempt}"
    organization, token = crypto.sample(seed + " org", 16), crypto.sample(seed + " token", 16)
    row = {"organization": organization.hex(), "token": token.hex(), "kind": kind, "secret": secret.hex(), "attempt": attempt}
    sides = {}
    for role, name in ((GREETER, "greeter"), (GUEST, "guest")):
        private, nonce = crypto.sample(f"{seed} {name} key"), crypto.sample(f"{seed} {name} nonce")
        key = bytes([2]) + crypto.raw_public(crypto.X25519PrivateKey.from_private_bytes(private))
        place = bytes([role]) + token + u64(attempt) + key
        commitment = crypto.keyfold_hash("keyfold/v1/commit", place + nonce)
        mac = crypto.derive(secret + bytes(16), "keyfold/v1/commit-mac", place + commitment) if secret else None
        row[name + "_random"] = (private + nonce).hex()
        row[name + "_commit"] = packed([1, key, commitment, mac]).hex()
        sides[role] = (private, key, commitment, nonce)
    transcript = crypto.keyfold_hash("keyfold/v1/transcript", organization + token + bytes([kind])
                                     + b"".join(sides[GREETER][1:]) + b"".join(sides[GUEST][1:]) + u64(attempt))
    shared = crypto.X25519PrivateKey.from_private_bytes(sides[GREETER][0]).exchange(
        crypto.X25519PublicKey.from_public_bytes(sides[GUEST][1][1:]))
    root = crypto.derive(shared, "keyfold/v1/pairing", secret + transcript)
    row["transcript"] = transcript.hex()
    for name in ("greeter", "guest"):
        row[name + "_code"] = crypto.sas(crypto.derive(root, f"keyfold/v1/{name}-sas", b""))
    message = packed([3])
    plaintext = (len(message).to_bytes(4, "big") + message).ljust(512, b"\0")
    row["guest_ok"] = crypto.aead(crypto.derive(root, "keyfold/v1/guest-key", b""), bytes([5]) * 24, "keyfold/v1/exchange",
                                  u64(0), plaintext).hex()
    return row


def vectors() -> dict:
    return {"about": "Made by check_invitation.py, which shares no code with store/. Bytes are hexadecimal.",
            "links": link_vectors(), "secrets": secret_vectors(),
            "exchanges": [exchange(1, crypto.sample("link secret", 16), 1), exchange(2, crypto.sample("other secret", 16), 300),
                          exchange(1, b"", 2)]}


def main() -> int:
    if not crypto.COMPLETE:
        print("the `cryptography` package is not installed")
        return 77
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
        return 0
    if json.loads(FILE.read_text()) != vectors():
        print("invitation.json is not what this program makes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
