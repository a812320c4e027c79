"""scim2-tester against one mount: every check of `scim2 test`, with the exceptions that stand here.

The checks are those of `scim2 test`, called as a library, because an exception has to look at what was
sent and what came back. Ends with 1 when a check fails without being an exception, or when fewer than
130 succeed: so an empty discovery cannot pass.

Usage: tester.py MOUNT basic|bearer
"""

import sys

import server
from pydantic import BaseModel
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import Extension, Mutability
from scim2_tester import Status, check_server

LEAST = 130


def without_read_only(value):
    """A value without what only the server may say."""
    if isinstance(value, list):
        return [without_read_only(one) for one in value]
    if not isinstance(value, BaseModel):
        return value
    kept = {}
    for name in type(value).model_fields:
        if type(value).get_field_annotation(name, Mutability) != Mutability.read_only:
            kept[name] = without_read_only(getattr(value, name))
    return kept


def excused(result):
    """Why a failed check is none of the server's; nothing, when it is."""
    data = result.data if isinstance(result.data, dict) else {}
    # The tester compares whole complex values and extensions. Ours come back with the display name of a
    # member, or with the organization of a Zuora user, which are readOnly and so the server's to say
    # (RFC 7643 §2.2). All that was sent has to be there.
    if result.title in ("check_add_attribute", "check_replace_attribute") and "modify_actual" in data:
        expected, actual = data["expected"], data["modify_actual"]
        structured = isinstance(expected, (list, BaseModel, Extension))
        if structured and without_read_only(expected) == without_read_only(actual):
            return "the answer has what is readOnly besides"
    # A user without `active` may log in, whether it was never given, left out by a PUT or removed: the
    # three are one state (RFC 7643 §2.5), whose default is true, and clients that look for it in every
    # user (Entra, Okta) find it.
    if (
        result.title == "check_remove_attribute"
        and data.get("urn") == "active"
        and data.get("modify_actual") is True
    ):
        return "active has the default true"
    return None


def main(mount, scheme):
    succeeded, exceptions, failed = 0, 0, 0
    with server.http(mount, scheme) as http:
        for result in check_server(SyncSCIMClient(http)):
            reason = result.reason or ""
            if result.status == Status.SUCCESS:
                succeeded += 1
                print("SUCCESS", result.title, reason)
            elif why := excused(result):
                exceptions += 1
                print("EXCUSED", result.title, f"({why})", reason)
            else:
                failed += 1
                print("ERROR", result.status.name, result.title, reason)
    if succeeded < LEAST:
        failed += 1
        print("ERROR", f"only {succeeded} checks succeeded, and {LEAST} have to")
    print(f"{succeeded} succeeded, {exceptions} exceptions, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
