#!/usr/bin/env python3
"""Tells which files of a folder Muster has not imported, or not completely.

Usage: watch.py FOLDER

For buses whose folder says only that a file was handed over. Each file is looked for among the newest imports by its
SHA-256. A line for each file that is missing there or has problems: its name, what is known, and the import's id,
separated by tabs. The exit code is 0 when there is none, else 1.

MUSTER_URL (http://127.0.0.1:9763), MUSTER_USER and MUSTER_PASSWORD say where Muster is; the role import is enough.
"""

import base64
import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path


def newest_imports():
    base = os.environ.get("MUSTER_URL", "http://127.0.0.1:9763")
    credentials = f"{os.environ['MUSTER_USER']}:{os.environ['MUSTER_PASSWORD']}".encode()
    asked = urllib.request.Request(
        base + "/api/v1/imports?limit=1000",
        headers={"Authorization": "Basic " + base64.b64encode(credentials).decode()},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)["imports"]


def main():
    imports = {}
    # The newest come first; of several imports of one file the newest counts.
    for record in newest_imports():
        imports.setdefault(record["sha256"], record)
    open_files = 0
    for path in sorted(Path(sys.argv[1]).iterdir()):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        record = imports.get(digest)
        if record is None:
            known = "not imported"
        elif record["state"] != "completed":
            known = record["state"]
        elif record["failed"]:
            known = f"{record['failed']} of {record['total']} rows failed"
        else:
            continue
        open_files += 1
        print(path.name, known, record["id"] if record else "", sep="\t")
    return 1 if open_files else 0


if __name__ == "__main__":
    sys.exit(main())
