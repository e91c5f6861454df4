"""Tenants on a second PostgreSQL server: everything works there as at home, and nothing of them is at home."""

import subprocess
import uuid

import pytest
from calls import ROOT, Platform, Server, wait_for

SECOND = ("leads", "opportunities", "customers", "analytics")


@pytest.fixture(scope="module")
def second():
    second = Server(ROOT / ".run" / "second-server")
    yield second
    second.script("destroy")


@pytest.fixture(scope="module")
def platform(second):
    platform = Platform("servers-test", settings={"GUANXI_DATABASE_SERVERS": f"second={second.url}"})
    yield platform
    platform.system.stop(keep=False)


@pytest.fixture(scope="module")
def tenants(platform):
    """One at home and one away, each with a key."""
    made = {}
    for slug, server in (("home", None), ("away", "second")):
        body = {"slug": slug, "name": slug, "timeZone": "UTC", "currency": "USD", "server": server}
        made[slug] = platform.operator.ok("POST", "/v1/tenants", body)
        assert made[slug]["server"] == server
        made[slug]["api"] = platform.key(slug, "admin")
    return made


def psql(platform, database, statement):
    output = subprocess.run(
        ["psql", "-X", "-q", "-t", "-A", platform.system.database(database)], input=statement, check=True,
        capture_output=True, text=True).stdout
    return output.splitlines()


def test_its_schemas_are_there_and_nowhere_else(platform, second, tenants):
    schemas = "select nspname from pg_namespace where nspname like 't\\_%' order by 1"
    home, away = (f"t_{tenants[slug]['id']}" for slug in ("home", "away"))
    for service in SECOND:
        assert second.psql(f"guanxi_{service}", schemas) == [away]
        assert psql(platform, f"guanxi_{service}", schemas) == [home]
    # What people log in with stays with the directory.
    assert psql(platform, "guanxi_gateway", schemas) == sorted([home, away])


def test_a_lead_is_sold_and_reported(platform, second, tenants):
    """Writes, the relay, consumers of three services, a conversion across services, a report that waits for a write."""
    for slug in ("home", "away"):
        api = tenants[slug]["api"]
        lead = api.ok("POST", "/v1/leads", {"company": f"Sold {slug} Ltd", "person": "P. Marsh", "phone": "+8613800000001"})
        status, headers, converted = api.send(
            "POST", f"/v1/leads/{lead['id']}/convert",
            {"account": {"name": f"Sold {slug} Ltd"}, "contact": {"name": "P. Marsh"},
             "opportunity": {"name": "Racks", "amount": {"amount": "100.00", "currency": "USD"}}})
        assert status in (200, 201), converted
        position = wait_for(lambda: api.ok("GET", f"/v1/leads/{lead['id']}"))
        status, headers, answer = api.send(
            "GET", f"/v1/analytics/leads?waitFor={lead['id']}:{position['version']}")
        assert status == 200 and headers["X-Guanxi-As-Of"], answer
        accounts = api.ok("GET", "/v1/accounts")["items"]
        assert [account["name"] for account in accounts] == [f"Sold {slug} Ltd"]
        timeline = wait_for(lambda: api.ok("GET", f"/v1/accounts/{accounts[0]['id']}/timeline")["items"])
        assert timeline
    events = second.psql("guanxi_leads", "select distinct tenant from shared.outbox")
    assert events == [tenants["away"]["id"]]
    assert tenants["away"]["id"] not in psql(platform, "guanxi_leads", "select distinct tenant from shared.outbox")


def test_the_two_do_not_see_each_other(platform, tenants):
    lead = tenants["away"]["api"].ok("POST", "/v1/leads", {"company": "Away"})
    assert tenants["home"]["api"].send("GET", f"/v1/leads/{lead['id']}")[0] == 404
    found = platform.operator.ok("POST", "/v1/platform/isolation/verify")
    assert not [finding for part in found.values() for finding in part["findings"]], found


def test_status_tells_of_both_servers(platform, tenants):
    status = platform.operator.ok("GET", "/v1/platform/status")
    groups = {group["group"] for part in status.values()
              for group in part.get("consumers", [])}
    assert {"leads", "leads@second", "analytics", "analytics@second"} <= groups


def test_an_import_is_worked_off_there(tenants):
    api = tenants["away"]["api"]
    rows = "company,externalSystem,externalId\n" + "".join(f"Row {n},x,{n}\n" for n in range(200))
    job = api.ok("POST", "/v1/leads/imports", rows.encode(), Content_Type="text/csv", Idempotency_Key=str(uuid.uuid4()))
    done = wait_for(lambda: (state := api.ok("GET", f"/v1/leads/imports/{job['id']}"))["status"] == "done" and state, 60)
    assert done["created"] == 200


def test_it_is_migrated_changed_and_removed(platform, second, tenants, tmp_path):
    file = tmp_path / "leads" / "tenant" / "0001_note.sql"
    file.parent.mkdir(parents=True)
    file.write_text("alter table {{schema}}.leads add column note text;\n")
    binary = ROOT / ".build" / "debug" / "guanxi"
    said = subprocess.run(
        [str(binary), "migrate", "--database-url", platform.system.database("postgres"), "--extra", str(tmp_path)],
        env=platform.system.environment(), check=True, capture_output=True, text=True).stdout
    assert "leads: 0 migrations, 1 tenants" in said and "leads on second: 0 migrations, 1 tenants" in said
    renamed = platform.operator.ok("PATCH", "/v1/tenants/away", {"slug": "elsewhere", "name": "Elsewhere"})
    assert renamed["server"] == "second"
    status, _, refused = platform.operator.send("PATCH", "/v1/tenants/elsewhere", {"server": None})
    assert status == 422 or status == 400, refused
    status, _, refused = platform.operator.send("POST", "/v1/tenants", {"slug": "lost", "name": "L", "server": "third"})
    assert status == 422 and "second" in str(refused)
    platform.operator.ok("POST", "/v1/tenants/elsewhere/suspend")
    wait_for(lambda: tenants["away"]["api"].send("GET", "/v1/leads")[0] == 403)
    platform.operator.ok("DELETE", "/v1/tenants/elsewhere")
    for service in SECOND:
        left = second.psql(
            f"guanxi_{service}", "select nspname from pg_namespace where nspname like 't\\_%' union all "
            f"select rolname from pg_roles where rolname like 'guanxi\\_{service}\\_t\\_%' "
            "union all select id from shared.tenants union all select tenant from shared.pending_work")
        assert left == []
    assert [item["slug"] for item in platform.operator.ok("GET", "/v1/tenants")["items"]] == ["home"]
