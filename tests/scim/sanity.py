"""scim-sanity against one mount, without an exception.

Usage: sanity.py MOUNT basic|bearer
"""

import json
import subprocess
import sys
from pathlib import Path

import server

LEAST = 28


def main(mount, scheme):
    credentials = {
        "basic": ["--username", "admin", "--password", server.PASSWORD],
        "bearer": ["--token", server.TOKEN],
    }[scheme]
    probe = Path(sys.executable).with_name("scim-sanity")
    command = [probe, "probe", server.SERVER + mount, *credentials]
    command += ["--i-accept-side-effects", "--json-output"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        print("ERROR no results:", done.stdout, done.stderr)
        return 1
    passed, failed, skipped = 0, 0, 0
    for result in results:
        name, status, message = result["name"], result["status"].lower(), result.get("message") or ""
        if status == "pass":
            passed += 1
        elif status == "skip":
            skipped += 1
        else:
            failed += 1
            status = "ERROR"
        print(status, name, message)
    if passed < LEAST:
        failed += 1
        print("ERROR", f"only {passed} checks passed, but {LEAST} are required")
    print(f"{passed} passed, {skipped} not offered, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
