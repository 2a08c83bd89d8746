"""Folders: what stands in them, whether two are the same, where bytes occur; and logs."""

import hashlib
import os
import stat
from pathlib import Path


def tail(path, lines=40):
    with open(path, "rb") as log:
        return b"\n".join(log.read()[-20000:].splitlines()[-lines:]).decode("utf-8", "replace")


def _describe(path):
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        return ("symlink", os.readlink(path))
    if stat.S_ISDIR(info.st_mode):
        return ("folder",)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ("file", info.st_size, digest, "x" if info.st_mode & 0o100 else "-", info.st_mtime_ns)


def is_own(name):
    """Whether Keyfold itself put a thing of that name into a mirror; the rules of what stays there are the user's."""
    return name.startswith(".keyfold") and name != ".keyfoldignore"


def snapshot(folder):
    """What Keyfold promises to carry, by path: kind, bytes, exec bit, mtime in nanoseconds, symlink target."""
    out = {}
    for top, folders, files in os.walk(folder):
        folders[:] = [n for n in folders if not is_own(n)]
        for name in [*folders, *files]:
            if is_own(name):
                continue
            path = os.path.join(top, name)
            out[os.path.relpath(path, folder)] = _describe(path)
    return out


def differences(left, right, limit=10):
    """Sentences on how two snapshots differ."""
    out = []
    for path in sorted(left.keys() | right.keys()):
        a, b = left.get(path), right.get(path)
        if a != b:
            out.append(f"{path!r}: {a} here, {b} there")
    return out[:limit] + ([f"and {len(out) - limit} more"] if len(out) > limit else [])


def same_tree(left, right):
    """True when both folders hold the same."""
    return snapshot(left) == snapshot(right)


def needles(*texts):
    """Each text in the forms in which it might leak: UTF-8, UTF-16, hexadecimal."""
    out = {}
    for text in texts:
        raw = text if isinstance(text, bytes) else text.encode()
        out[f"{text!r}"] = raw
        out[f"{text!r} in hexadecimal"] = raw.hex().encode()
        if isinstance(text, str):
            out[f"{text!r} in UTF-16"] = text.encode("utf-16-le")
    return out


def found_in(data, wanted):
    lowered = data.lower()
    return [what for what, raw in wanted.items() if raw.lower() in lowered]


def find_in_folder(folder, wanted):
    """(file, what) for every needle in a file's bytes or name below `folder`."""
    out = []
    for top, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(top, name)
            data = os.fsencode(name)
            if path.is_file() and not path.is_symlink():
                data += b"\0" + path.read_bytes()
            out += [(str(path), what) for what in found_in(data, wanted)]
    return out
