#!/usr/bin/env python3
"""Checks the direction of includes (apps -> actors -> {net, store} -> crypto) and which outside
library each folder may use (docs/ARCHITECTURE.md)."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# folder -> folders that it may include from
MAY_INCLUDE = {
    "crypto": {"crypto"},
    "store": {"store", "crypto"},
    "net": {"net", "crypto"},
    "actors": {"actors", "net", "store", "crypto"},
    "apps": {"apps", "actors", "net", "store", "crypto"},
}

# library -> (first part of its headers' names, folders that may use it)
LIBRARIES = {
    "libsodium": (r"sodium(\.h|/)", {"crypto"}),
    "OpenSSL": (r"openssl/", {"crypto"}),
    "msgpack-cxx": (r"msgpack(\.hpp|/)", {"crypto"}),
    "expected": (r"tl/", {"crypto"}),
    "LevelDB": (r"leveldb/", {"store"}),
    "utf8proc": (r"utf8proc", {"store"}),
    "xxhash": (r"xxhash", {"store"}),
    "ZeroMQ": (r"zmq", {"net"}),
    "CAF": (r"caf/", {"actors", "apps"}),
    "spdlog": (r"spdlog/", {"actors", "apps"}),
    "CLI11": (r"CLI/", {"apps"}),
    "cpp-httplib": (r"httplib", {"apps"}),
    "nlohmann-json": (r"nlohmann/", {"apps"}),
    "toml++": (r"toml", {"apps"}),
    "FUSE": (r"fuse", {"apps"}),
    "Catch2": (r"catch2/", set()),  # of tests alone, which are not looked at here
    "RapidCheck": (r"rapidcheck", set()),
}

# headers of the system in folders named like ours
OF_THE_SYSTEM = {"net/if.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources():
    for folder in MAY_INCLUDE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".inc"):
                yield folder, path


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1), found.group(2)


def broken_rules():
    for folder, path in sources():
        for number, quote, name in includes(path):
            where = f"{path.relative_to(ROOT)}:{number}"
            if quote == '"':
                top = name.split("/")[0]
                if "/" not in name or top not in MAY_INCLUDE:
                    yield f"{where}: \"{name}\" is not named from the root"
                elif top not in MAY_INCLUDE[folder]:
                    yield f"{where}: {folder}/ may not include {top}/"
                continue
            if name.split("/")[0] in MAY_INCLUDE and name not in OF_THE_SYSTEM:
                yield f"{where}: <{name}>: own headers stand in quotes"
            for library, (pattern, folders) in LIBRARIES.items():
                if re.match(pattern, name) and folder not in folders:
                    yield f"{where}: {folder}/ may not use {library}"


class Includes(unittest.TestCase):
    def test_every_include_goes_in_an_allowed_direction(self):
        self.assertEqual(list(broken_rules()), [])

    def test_no_other_top_level_folder_holds_code(self):
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "*.cpp", "*.hpp"],
                                capture_output=True, text=True, check=False)
        tops = {name.split("/")[0] for name in listed.stdout.splitlines()}
        self.assertEqual(tops - set(MAY_INCLUDE) - {"tests"}, set())


if __name__ == "__main__":
    sys.exit(unittest.main())
