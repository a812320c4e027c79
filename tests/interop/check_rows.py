"""Compares the users that a suite reports as imported with the stored users.

A suite prints one line `imported NAME EMAIL` for each user that must be there afterwards,
`imported-many PREFIX COUNT` for users who are called by the prefix, a hyphen and a number, and
`refused NAME` for each one that must not exist. The terminal reads the same data folder as the
server, so the user is stored durably.

Usage: check_rows.py BINARY DATA LOG
"""

import json
import re
import subprocess
import sys

KEYS = {
    "id",
    "userName",
    "domain",
    "organization",
    "givenName",
    "familyName",
    "email",
    "attributes",
    "mustChangePassword",
    "passwordSetAt",
    "createdBy",
    "createdAt",
}


def terminal(*arguments):
    """The JSON lines of one `users` command, or the reason for their absence."""
    command = [BINARY, "users", *arguments, "--data", DATA, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def check_imported(name, email, rows):
    if len(rows) != 1:
        sys.exit(f"{name}: users list prints it {len(rows)} times")
    row = rows[0]
    if KEYS - row.keys():
        sys.exit(f"{name}: users list leaves out {sorted(KEYS - row.keys())}")
    if (row["userName"], row["email"]) != (name, email):
        sys.exit(f"{name}: users list prints {row}")
    if not row["id"]:
        sys.exit(f"{name}: users list prints no id")


def check_many(prefix, count, listed):
    """Checks that all are there, each with the address derived from its name, so that nothing was lost."""
    called = re.compile(re.escape(prefix) + "-[0-9]+")
    found = [rows[0] for name, rows in listed.items() if called.fullmatch(name)]
    if len(found) != int(count):
        sys.exit(f"{prefix}: users list prints {len(found)} of {count}")
    for row in found:
        if row["email"] != row["userName"] + "@example.com":
            sys.exit(f"{prefix}: users list prints {row}")


BINARY, DATA, LOG = sys.argv[1:]
imported, many, refused = {}, [], []
with open(LOG, encoding="utf-8", errors="replace") as log:
    for line in log:
        match line.split():
            case ["imported", name, email]:
                imported[name] = email
            case ["imported-many", prefix, count]:
                many.append((prefix, count))
            case ["refused", name]:
                refused.append(name)

if imported or many or refused:
    listed = {}
    for row in terminal("list"):
        listed.setdefault(row["userName"], []).append(row)
    for name, email in imported.items():
        check_imported(name, email, listed.get(name, []))
    for prefix, count in many:
        check_many(prefix, count, listed)
    for name in refused:
        if name in listed:
            sys.exit(f"{name}: users list prints it although its import was refused")
    # Reads one of them separately, which uses another query of the store.
    for name in list(imported)[-1:]:
        if terminal("show", name) != listed[name]:
            sys.exit(f"{name}: users show and users list differ")
