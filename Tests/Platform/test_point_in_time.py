"""The whole installation is set back to a moment between two acknowledged writes, and goes on from there."""

import hashlib
import os
import subprocess

import pytest
from calls import Platform, wait_for
from system import BESIDE, SERVICES
from test_backup import guanxi, psql, settled

# Written all the time without anybody asking, or by `guanxi recover`.
RESTLESS = {"instance_keys", "relay_cursor", "inbox_offset"}


@pytest.fixture
def platform(request):
    if request.param == "kafka" and not ("KAFKA_HOME" in os.environ or BESIDE.is_dir()):
        pytest.skip("no Kafka: set KAFKA_HOME")
    platform = Platform("point-in-time-test", request.param)
    platform.known = platform.system.environment() | {"GUANXI_DATABASE_URL": platform.system.database("postgres")}
    yield platform
    platform.system.stop(keep=False)


def fingerprints(platform):
    """A digest of every row of every table of every database."""
    found = {}
    for service in (*SERVICES, "log"):
        tables = psql(platform, service, """
            select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind = 'r' and n.nspname !~ '^(pg_|information)' order by 1""").splitlines()
        for table in tables:
            if table.split(".")[1] not in RESTLESS:
                rows = psql(platform, service, f"copy {table} to stdout", binary=True).splitlines()
                found[f"{service} {table}"] = hashlib.sha256(b"\n".join(sorted(rows))).hexdigest()
    return found


def quiet(platform):
    """Whether everything is published and applied."""
    status = platform.operator.ok("GET", "/v1/platform/status")
    return all(part["outbox"]["depth"] == 0 and all(group["lag"] == 0 for group in part["consumers"])
               for part in status.values())


@pytest.mark.parametrize("platform", ["postgres", "kafka"], indirect=True)
def test_between_two_writes(platform):
    api = platform.tenant("past")
    tenant = psql(platform, "gateway", "select id from shared.tenant_records where slug = 'past'")
    kept = api.ok("POST", "/v1/leads", {"company": "In the backup Ltd"})["id"]
    platform.system.local("backup")
    first = api.ok("POST", "/v1/leads", {"company": "First Ltd"})["id"]
    wait_for(lambda: settled(platform, tenant) and quiet(platform))
    moment = psql(platform, "gateway", "select to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    recorded = fingerprints(platform)

    # What will not have been: a lead, and a second version of another, of which every consumer heard.
    lost = api.ok("POST", "/v1/leads", {"company": "Second Ltd"})["id"]
    _, headers, _ = api.send("GET", f"/v1/leads/{first}")
    api.ok("PATCH", f"/v1/leads/{first}", {"company": "Never Ltd"}, If_Match=headers["ETag"])
    wait_for(lambda: settled(platform, tenant) and quiet(platform))

    platform.system.local("restore", moment)
    assert fingerprints(platform) == recorded
    platform.system.local("up")

    assert api.ok("GET", f"/v1/leads/{first}")["company"] == "First Ltd"
    assert api.ok("GET", f"/v1/leads/{kept}")["version"] == 1
    assert api.send("GET", f"/v1/leads/{lost}")[0] == 404
    # The same number is given again, to another event: it is this one that consumers have.
    _, headers, _ = api.send("GET", f"/v1/leads/{first}")
    changed = api.ok("PATCH", f"/v1/leads/{first}", {"company": "After all Ltd"}, If_Match=headers["ETag"])
    assert changed["version"] == 2
    new = [api.ok("POST", "/v1/leads", {"company": f"New {number} Ltd"})["id"] for number in range(20)]
    wait_for(lambda: settled(platform, tenant) and quiet(platform))
    history = psql(platform, "analytics", f"""
        select sequence, data->'lead'->>'company' from t_{tenant}.event_history where aggregate_id = '{first}'
        order by 1""").splitlines()
    assert history == ["1|First Ltd", "2|After all Ltd"]
    total = api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"]
    assert total == 2 + len(new)
    assert psql(platform, "customers", f"select count(*) from t_{tenant}.timeline where subject_id = '{lost}'") == "0"
    assert "every figure is the same" in guanxi(platform, "analytics", "rebuild", "--yes")
    assert guanxi(platform, "dead-letters", "list") == "No event is parked.\n"

    # Not while services run, and to no moment that there was none of.
    refused = guanxi(platform, "recover", code=1)
    assert "stop them all" in refused
    before = fingerprints(platform)
    for bad in ("2001-01-01T00:00:00Z", "tomorrow-ish"):
        done = subprocess.run(
            [platform.system.folder.parents[1] / "deploy/local/postgres.sh", "restore", bad],
            env=platform.system.settings, capture_output=True, text=True)
        assert done.returncode == 1 and "error:" in done.stderr, done.stderr
    assert fingerprints(platform) == before
