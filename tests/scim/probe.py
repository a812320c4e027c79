"""Black-box checks of the SCIM server, for each item of the list in docs/scim.md.

Each check is a function whose name begins with the number of its item, and is run on both mounts
by default. In addition, every response is checked: its media type, and the format of errors.

Usage: probe.py [PART-OF-A-NAME...]
"""

import sys
import traceback

import probe_bulk
import probe_change
import probe_endpoint
import probe_protocol
import probe_query
import probe_resources

PARTS = (probe_bulk, probe_resources, probe_change, probe_query, probe_protocol)


def checks():
    for part in PARTS:
        for name, function in vars(part).items():
            if name.startswith("item_"):
                yield name, function


def main(wanted):
    passed, failed, items = 0, 0, set()
    for mount in ("/scim/v2", "/scim2"):
        with probe_endpoint.Endpoint(mount) as endpoint:
            for name, check in checks():
                if wanted and not any(part in name for part in wanted):
                    continue
                if mount not in getattr(check, "mounts", (mount,)):
                    continue
                try:
                    check(endpoint)
                except Exception as error:
                    failed += 1
                    print("FAIL", name, mount, " ".join(f"{type(error).__name__}: {error}".split()))
                    traceback.print_exc(file=sys.stdout)
                else:
                    passed += 1
                    items.add(name.split("_")[1])
                    print("ok  ", name, mount)
    print(f"{passed} checks of {len(items)} items passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
