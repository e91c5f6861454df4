"""An import of leads by CSV, from the first byte sent to the finished job."""

import http.client
import json
import time
from urllib.parse import urlsplit

HEADER = "company,person,phone,email,source,region,externalSystem,externalId\n"


def lines(count, run):
    """The file, in pieces of a thousand lines."""
    yield HEADER.encode()
    for start in range(0, count, 1000):
        yield "".join(
            f"Import {run} {row} Ltd,R. Duval,+1212{row:07},r{row}@{run}.example,website,Central,bench-{run},{row}\n"
            for row in range(start, min(start + 1000, count))).encode()


def measure(api, count, patience=600):
    """Seconds for `count` leads."""
    run, began = f"{time.time_ns():x}", time.monotonic()
    parts = urlsplit(api.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    connection.request(
        "POST", "/v1/leads/imports", lines(count, run), encode_chunked=True,
        headers={"Authorization": f"Bearer {api.key}", "Content-Type": "text/csv", "Transfer-Encoding": "chunked",
                 "Idempotency-Key": run})
    response = connection.getresponse()
    job = json.loads(response.read())
    if response.status != 202:
        raise OSError(f"the import was refused: {response.status} {job}")
    while job["status"] not in ("done", "failed"):
        if time.monotonic() - began > patience:
            raise OSError(f"the import was not done in {patience} s: {job}")
        time.sleep(0.2)
        job = api.get(f"/v1/leads/imports/{job['id']}")
    seconds = time.monotonic() - began
    if job["status"] == "failed" or job.get("created", count) != count:
        raise OSError(f"the import did not make {count} leads: {job}")
    return seconds
