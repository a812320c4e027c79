"""Compares what a suite says it imported with the rows that the terminal shows.

A suite prints one line `imported NAME EMAIL` for each user that must be there afterwards and
`refused NAME` for each that must not. The terminal reads the same data folder as the server, so a
user it shows has outlived the request.

Usage: check_rows.py BINARY DATA LOG
"""

import json
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
    "createdBy",
}


def terminal(*arguments):
    """The JSON lines of one `users` command, or an explanation of why there are none."""
    command = [BINARY, "users", *arguments, "--data", DATA, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def check_imported(name, email):
    rows = terminal("show", name)
    if len(rows) != 1:
        sys.exit(f"{name}: users show prints {len(rows)} lines")
    row = rows[0]
    if KEYS - row.keys():
        sys.exit(f"{name}: users show leaves out {sorted(KEYS - row.keys())}")
    if (row["userName"], row["email"]) != (name, email):
        sys.exit(f"{name}: users show prints {row}")
    if not row["id"]:
        sys.exit(f"{name}: users show prints no id")


BINARY, DATA, LOG = sys.argv[1:]
imported, refused = {}, []
with open(LOG, encoding="utf-8", errors="replace") as log:
    for line in log:
        match line.split():
            case ["imported", name, email]:
                imported[name] = email
            case ["refused", name]:
                refused.append(name)

if imported or refused:
    listed = [row["userName"] for row in terminal("list")]
    for name, email in imported.items():
        check_imported(name, email)
        if listed.count(name) != 1:
            sys.exit(f"{name}: users list prints it {listed.count(name)} times")
    for name in refused:
        if name in listed:
            sys.exit(f"{name}: users list prints it although its import was refused")
