"""What an outside tester would ask of a SCIM server, item by item of the list in docs/scim.md.

Each check is a function whose name begins with the number of its item, and is run on both mounts
unless it says otherwise. Every answer is looked at besides: its media type, and whether an error is one
of SCIM's.

Usage: probe.py [PART-OF-A-NAME...]
"""

import sys
import traceback

import probe_bulk
import probe_change
import probe_door
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
        with probe_door.Door(mount) as door:
            for name, check in checks():
                if wanted and not any(part in name for part in wanted):
                    continue
                if mount not in getattr(check, "mounts", (mount,)):
                    continue
                try:
                    check(door)
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
