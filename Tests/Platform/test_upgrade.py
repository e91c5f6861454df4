"""What the last release left is brought up to date: its databases, and its events that nobody had applied.

`Tests/Platform/released` is made by `Tests/Upgrade/upgrade.py --record`; `make upgrade-test` upgrades the release itself
while it works.
"""

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from calls import Caller, all_leads, wait_for
from system import System
from test_backup import guanxi
from upgrading import BUSINESS, PG, psql, schema, settled, tenant_id

RELEASED = Path(__file__).parent / "released"


@pytest.fixture
def upgraded():
    system = System("upgrade-test-short", "postgres")
    if system.folder.exists():
        system.local("clean")
    system.local("stores")
    dump = gzip.decompress((RELEASED / "dump.sql.gz").read_bytes())
    subprocess.run([PG + "psql", "-Xq", system.database("postgres")], input=dump, check=True, capture_output=True)
    system.local("up")
    yield system
    system.stop(keep=False)


def test_what_the_last_release_left(upgraded, platform):
    system, facts = upgraded, json.loads((RELEASED / "facts.json").read_text())
    environment = system.environment()
    upgraded.known = environment | {"GUANXI_DATABASE_URL": system.database("postgres")}
    api = Caller(int(environment["GUANXI_PORT"]), facts["key"])
    tenant = tenant_id(system, "released")
    assert sorted(all_leads(api)) == facts["leads"]
    # Its events are read, though its relay and its consumers were another server's.
    wait_for(lambda: settled(system, tenant), 60)
    assert api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"] == len(facts["leads"])
    assert "every figure is the same" in guanxi(upgraded, "analytics", "rebuild", "--yes")
    assert guanxi(upgraded, "dead-letters", "list") == "No event is parked.\n"
    guanxi(upgraded, "migrate", "--contract")
    assert "Nothing is where it must not be." in guanxi(upgraded, "isolation", "verify")
    # And work goes on.
    _, headers, lead = api.send("GET", f"/v1/leads/{facts['leads'][0]}")
    changed = api.ok("PATCH", f"/v1/leads/{lead['id']}", {"title": "Director"}, If_Match=headers["ETag"])
    assert changed["version"] == lead["version"] + 1
    wait_for(lambda: settled(system, tenant))

    # Who came to keep copies of teams later has those that were there before.
    teams = f"select id, name, deleted_at is null from t_{tenant}.teams order by id"
    copied = f"select id, name, active from t_{tenant}.teams order by id"
    filled = f"select string_agg(part, ' ' order by part) from t_{tenant}.filled_copies"
    for service, parts in (("leads", "businessLine team"), ("customers", "businessLine product team")):
        wait_for(lambda: psql(system, service, filled) == parts, 60)
        assert psql(system, service, copied) == psql(system, "gateway", teams) != ""

    # Nobody can tell it from a new one.
    guanxi(upgraded, "tenant", "create", "fresh")
    fresh = tenant_id(system, "fresh")
    for service in BUSINESS:
        assert schema(system, service, f"t_{tenant}") == schema(system, service, f"t_{fresh}"), service
        assert schema(system, service, "shared") == schema(platform.system, service, "shared"), service
    assert schema(system, "log", "shared") == schema(platform.system, "log", "shared")
    assert "0 migrations, 0 tenants" in guanxi(upgraded, "migrate")
