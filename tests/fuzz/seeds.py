#!/usr/bin/env python3
"""Creates the seed corpora of the fuzz targets: tests/fuzz/corpus/TARGET/.

Seeds are the exchanges of fixtures/soap and, when MUSTER_CAPTURES names the folder of captured
requests, those too. Neither the captures nor the corpora are part of the repository.
"""

import gzip
import hashlib
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 64 * 1024


def requests():
    yield from sorted((HERE.parent.parent / "fixtures/soap").glob("*.request"))
    captures = os.environ.get("MUSTER_CAPTURES")
    if captures:
        yield from sorted(Path(captures).glob("**/*.http"))
    else:
        print("MUSTER_CAPTURES is not set: the seeds are only from the fixtures", file=sys.stderr)


def split(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    if fields.get(b"content-encoding", b"").lower() == b"gzip" or body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError):
            pass
    return fields, body


def add(target, seed):
    if len(seed) > LIMIT:
        return
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def pieces(data):
    """The first byte of an input determines the size of the pieces in which the rest arrives."""
    return bytes([len(data) % 64]) + data


def main():
    for path in requests():
        fields, body = split(path.read_bytes())
        content_type = fields.get(b"content-type", b"")
        add("media_type", content_type)
        boundary = re.search(rb'boundary="?([^";]+)', content_type)
        if boundary:
            add("multipart", pieces(boundary[1] + b"\n" + body))
        for envelope in re.findall(rb"(?s)(?:<\?xml[^>]*>\s*)?<[^<>]*?Envelope.*Envelope>", body):
            add("envelope", pieces(envelope))
        if not boundary:
            add("envelope", pieces(body))
        for handler in re.findall(rb"(?s)handler[^>]*>([^<:]{16,})<", body):
            add("base64", pieces(handler))
        for part in re.findall(rb"(?s)\r?\n\r?\n(UserName.*?)\r?\n--", body):
            add("csv", pieces(part))
    folders = [HERE.parent.parent / "fixtures/demo"]
    if captures := os.environ.get("MUSTER_CAPTURES"):
        folders.append(Path(captures))
    for folder in folders:
        for path in sorted(folder.glob("*.csv")):
            add("csv", pieces(path.read_bytes()))
    for odd in [b"Zg==", b"Zm8=", b"Zg", b" Z g = =", b"Zh==", b"cid:1"]:
        add("base64", pieces(odd))
    for text in [
        b'userName eq "kim"',
        b'emails[type eq "work" and not (value co "@x")] or title pr',
        b'members[value eq "7"].display',
        b'meta.lastModified gt "2011-05-13T04:42:34Z" and active eq "True"',
    ]:
        add("scim_filter", text)
    user = b'{"userName":"kim","emails":[{"value":"a@x","type":"work"}]}'
    group = b'{"displayName":"a","members":[{"value":"u1"},{"value":"u2"}]}'
    for resource, operation in [
        (user, b'{"op":"Replace","path":"emails[type eq \\"work\\"].value","value":"b@x"}'),
        (user, b'{"op":"add","value":{"name.givenName":"Kim","active":"False"}}'),
        (group, b'{"op":"remove","path":"members","value":[{"value":"u1"}]}'),
        (group, b'{"op":"remove","path":"members[not (value sw \\"u\\")]"}'),
    ]:
        add("patch", resource + b'{"Operations":[' + operation + b"]}")
    for folder in sorted((HERE / "corpus").iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} seeds")


if __name__ == "__main__":
    main()
