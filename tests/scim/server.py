"""The server that run.sh started, and HTTP clients for it."""

import base64
import os

import httpx2

SERVER = os.environ["SCIM_SERVER"]
PASSWORD = os.environ["SCIM_PASSWORD"]
TOKEN = os.environ["SCIM_TOKEN"]
READER_TOKEN = os.environ["SCIM_READER_TOKEN"]


def basic(name="admin", password=PASSWORD):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def authorization(scheme):
    return {"basic": basic(), "bearer": f"Bearer {TOKEN}", "reader": f"Bearer {READER_TOKEN}"}[scheme]


def http(mount, scheme):
    """A client with the mount as its base URL."""
    return httpx2.Client(
        base_url=SERVER + mount,
        headers={"Authorization": authorization(scheme)},
        timeout=60,
        trust_env=False,
    )
