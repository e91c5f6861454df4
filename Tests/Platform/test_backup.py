"""One tenant is backed up while people write to it, and comes back as another one, equal and alive."""

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest
from calls import ROOT, Caller, Converter, Platform, Writer, all_leads, wait_for
from system import SERVICES

BIN = ROOT / ".build" / os.environ.setdefault("GUANXI_BUILD", "debug")
PSQL = "/usr/lib/postgresql/15/bin/psql"
# Tables that consumers write: in the copy they go on from where they were.
PROJECTIONS = {
    "customers": {"timeline", "users"}, "leads": {"users"}, "opportunities": {"users", "teams", "business_lines"}}


@pytest.fixture(scope="module")
def platform():
    platform = Platform("backup-test", "postgres")
    yield platform
    platform.system.stop(keep=False)


def guanxi(platform, *words, code=0):
    done = subprocess.run(
        [str(BIN / "guanxi"), *words], env=platform.known, text=True, capture_output=True, timeout=300)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def psql(platform, service, statement, binary=False):
    done = subprocess.run(
        [PSQL, "-XAtc", statement, platform.system.database(f"guanxi_{service}")], capture_output=True,
        env={**os.environ, "PGTZ": "UTC"}, check=True)
    return done.stdout if binary else done.stdout.decode().strip()


@pytest.fixture(scope="module")
def backup(platform, tmp_path_factory):
    """A backup that was taken while two wrote, and what they had been told before it began."""
    api = platform.tenant("source")
    api.ok("POST", "/v1/teams", {"name": "North"})
    api.ok("POST", "/v1/users", {"login": "ada", "name": "Ada", "role": "sales"})
    writer, converter = Writer(api), Converter(api)
    writer.start(), converter.start()
    wait_for(lambda: len(writer.acknowledged) > 60 and len(converter.done) > 10, 60)
    before, converted = set(writer.acknowledged), list(converter.done)
    file = tmp_path_factory.mktemp("backup") / "source.tar"
    answer = json.loads(guanxi(platform, "tenant", "backup", "source", "--to", str(file), "--json"))
    count = len(writer.acknowledged)
    wait_for(lambda: len(writer.acknowledged) > count + 20)
    converter.stop()
    acknowledged = writer.stop()
    assert not writer.refusals and answer["pauseMilliseconds"] < 2000
    assert os.stat(file).st_mode & 0o777 == 0o600
    return {"file": file, "api": api, "before": before, "converted": converted, "after": set(acknowledged) - before,
            "answer": answer}


@pytest.fixture(scope="module")
def copy(platform, backup):
    answer = json.loads(guanxi(platform, "tenant", "restore", str(backup["file"]), "--as", "copy", "--json"))
    assert answer["rows"] == backup["answer"]["rows"]
    # The keys of the tenant it is of lead there, not here.
    assert answer["keysLeft"] >= 1
    return {"id": answer["tenant"], "api": platform.key("copy", "admin")}


def manifest(file):
    with tarfile.open(file) as archive:
        return json.load(archive.extractfile("manifest.json"))


def content(file, part):
    with tarfile.open(file) as archive:
        return b"".join(
            archive.extractfile(member).read() for member in archive if member.name.startswith(part + "/"))


def went_on(platform, backup, copy):
    """The ids of what conversions touched that were under way at the moment of the backup: in the copy they go on."""
    tables = {table["name"]: table for service in manifest(backup["file"])["services"] for table in service["tables"]}
    columns = tables["leads/tables/conversions"]["columns"]
    rows = [dict(zip(columns, line.split("\t")))
            for line in content(backup["file"], "leads/tables/conversions").decode().splitlines()]
    leads = [row["lead_id"] for row in rows if row["phase"] in ("running", "compensating")]
    listed = ", ".join(f"'{lead}'" for lead in leads)
    if not leads:
        return []
    wait_for(lambda: psql(platform, "leads", f"""select count(*) from t_{copy['id']}.conversions
        where phase in ('running', 'compensating') and lead_id in ({listed})""") == "0")
    touched = psql(platform, "leads", f"""select concat_ws('|', id, account_id, contact_id, opportunity_id)
        from t_{copy['id']}.leads where id in ({listed})""")
    return [id.encode() for line in touched.splitlines() for id in line.split("|")]


def test_every_row_is_what_it_was(platform, backup, copy):
    seen, ids = 0, went_on(platform, backup, copy)
    at_rest = lambda rows: sorted(row for row in rows.splitlines() if not any(id in row for id in ids))  # noqa: E731
    for service in manifest(backup["file"])["services"]:
        for table in service["tables"]:
            name = table["name"].split("/")[-1]
            if service["name"] == "analytics" or name in PROJECTIONS.get(service["name"], ()) or name == "api_keys":
                continue
            columns = ", ".join(f'"{column}"' for column in table["columns"])
            rows = psql(platform, service["name"], f"copy t_{copy['id']}.{name} ({columns}) to stdout", binary=True)
            saved = content(backup["file"], table["name"])
            assert hashlib.sha256(saved).hexdigest() == table["sha256"] and saved.count(b"\n") == table["rows"]
            assert at_rest(rows) == at_rest(saved), table["name"]
            seen += table["rows"]
    assert seen > 100


def test_it_is_one_moment(platform, backup, copy):
    leads = all_leads(copy["api"])
    assert backup["before"] <= leads
    assert {lead for lead, _ in backup["converted"]} <= leads
    # A conversion is in the same step in all three services, or goes on.
    wait_for(lambda: psql(
        platform, "leads",
        f"select count(*) from t_{copy['id']}.conversions where phase in ('running', 'compensating')") == "0")
    converted = psql(
        platform, "leads",
        f"select account_id, opportunity_id from t_{copy['id']}.leads where status = 'converted'").splitlines()
    assert len(converted) >= len(backup["converted"])
    accounts = set(psql(platform, "customers", f"select id from t_{copy['id']}.accounts").splitlines())
    deals = set(psql(platform, "opportunities", f"select id from t_{copy['id']}.opportunities").splitlines())
    assert {row.split("|")[0] for row in converted} == accounts
    assert {row.split("|")[1] for row in converted} == deals


def settled(platform, tenant):
    """Whether analytics has every event of every lead, in order and once, as the leads have versions."""
    wanted = psql(platform, "leads", f"select id, version from t_{tenant}.leads order by id")
    history = psql(
        platform, "analytics",
        f"""select aggregate_id, max(sequence) from t_{tenant}.event_history where aggregate = 'lead'
            group by 1 having count(*) = max(sequence) and min(sequence) = 1 order by 1""")
    return wanted == history


def test_events_go_on_where_they_were(platform, backup, copy):
    wait_for(lambda: settled(platform, copy["id"]))
    lead = next(iter(backup["before"]))
    status, headers, old = copy["api"].send("GET", f"/v1/leads/{lead}")
    changed = copy["api"].ok("PATCH", f"/v1/leads/{lead}", {"title": "Director"}, If_Match=headers["ETag"])
    assert changed["version"] == old["version"] + 1
    made = copy["api"].ok("POST", "/v1/accounts", {"name": "Only here Ltd"})
    # Numbers go on as well: no code comes twice.
    codes = [item["code"] for item in copy["api"].ok("GET", "/v1/accounts?limit=500")["items"]]
    assert len(set(codes)) == len(codes) and made["code"] in codes
    wait_for(lambda: settled(platform, copy["id"]))
    wait_for(lambda: settled(platform, psql(
        platform, "gateway", "select id from shared.tenant_records where slug = 'source'")))
    # Neither sees what happens to the other.
    assert backup["api"].ok("GET", f"/v1/leads/{lead}")["version"] == old["version"]
    assert not backup["after"] <= all_leads(copy["api"])
    total = copy["api"].ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"]
    assert total == len(all_leads(copy["api"]))
    assert "every figure is the same" in guanxi(platform, "analytics", "rebuild", "--yes")
    assert guanxi(platform, "dead-letters", "list") == "No event is parked.\n"


def test_a_copy_is_no_leak(platform, copy):
    assert "Nothing is where it must not be." in guanxi(platform, "isolation", "verify")


def schemas(platform):
    return {service: psql(platform, service, "select string_agg(id, ',' order by id) from shared.tenants")
            for service in SERVICES}


def rewritten(file, target, change):
    """The backup with another manifest, whose digest is right."""
    with tarfile.open(file) as old, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as new:
        text = json.dumps(change(json.load(old.extractfile("manifest.json")))).encode()
        for member in old:
            body = old.extractfile(member).read()
            if member.name == "manifest.json":
                body = text
            elif member.name == "manifest.sha256":
                body = hashlib.sha256(text).hexdigest().encode()
            member.size = len(body)
            new.addfile(member, io.BytesIO(body))


def test_a_file_that_is_not_whole_leaves_nothing(platform, backup, copy, tmp_path):
    there = schemas(platform)
    whole = backup["file"].read_bytes()
    refuse = lambda file, *more: guanxi(  # noqa: E731
        platform, "tenant", "restore", str(file), "--as", "broken", *more, code=1)
    bad = tmp_path / "bad.tar"
    middle = whole.index(b"Company 12\t")
    bad.write_bytes(whole[:middle] + b"Company 13" + whole[middle + 10:])
    assert "does not have the digest" in refuse(bad)
    for end in (len(whole) // 2, len(whole) - 4000):
        bad.write_bytes(whole[:end])
        assert "cut off" in refuse(bad) or "end is missing" in refuse(bad)
    bad.write_bytes(b"id,name\n" * 100)
    assert "no backup" in refuse(bad)
    rewritten(backup["file"], bad, lambda manifest: manifest | {"format": 99})
    assert "format 99" in refuse(bad)

    def later(manifest):
        manifest["services"][3]["versions"]["customers"] += 1
        return manifest

    # Found when others are filled already: they are emptied again.
    rewritten(backup["file"], bad, later)
    assert "later version" in refuse(bad)
    assert "already" in guanxi(platform, "tenant", "restore", str(backup["file"]), "--as", "copy", code=1)
    assert "already" in guanxi(platform, "tenant", "backup", "source", "--to", str(backup["file"]), code=1)
    assert "no tenant" in guanxi(platform, "tenant", "backup", "nobody", "--to", str(tmp_path / "n.tar"), code=1)
    assert schemas(platform) == there


def test_a_restore_that_was_killed_goes_on(platform, backup, copy):
    words = ["tenant", "restore", str(backup["file"]), "--as", "late"]
    # The fourth service cannot be filled meanwhile.
    blocker = subprocess.Popen(
        [PSQL, "-X", platform.system.database("guanxi_customers")], stdin=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL)
    blocker.stdin.write("begin; lock table shared.restored_tenants in exclusive mode;\n")
    blocker.stdin.flush()
    wait_for(lambda: psql(
        platform, "customers",
        "select count(*) from pg_locks where relation = 'shared.restored_tenants'::regclass and mode = 'ExclusiveLock'"
    ) == "1")
    tool = subprocess.Popen([str(BIN / "guanxi"), *words], env=platform.known)
    wait_for(lambda: psql(
        platform, "opportunities",
        "select count(*) from shared.restored_tenants r join shared.tenants t on t.id = r.tenant "
        "where slug = 'late' and state = 'filled'") == "1")
    tool.send_signal(signal.SIGKILL)
    tool.wait()
    blocker.stdin.close()
    blocker.wait()
    wait_for(lambda: psql(
        platform, "customers", "select count(*) from pg_stat_activity where usename = 'guanxi_customers_provision' "
        "and state <> 'idle'") == "0")
    shown = platform.operator.ok("GET", "/v1/tenants")["items"]
    assert [item["status"] for item in shown if item["slug"] == "late"] == ["restoring"]
    assert platform.operator.send("POST", "/v1/tenants/late/resume")[0] == 409
    guanxi(platform, *words)
    api = platform.key("late", "admin")
    assert backup["before"] <= all_leads(api)
    wait_for(lambda: settled(platform, psql(
        platform, "gateway", "select id from shared.tenant_records where slug = 'late'")))


def test_what_a_killed_restore_left_can_be_removed(platform, backup, copy):
    there = schemas(platform)
    tool = subprocess.Popen(
        [str(BIN / "guanxi"), "tenant", "restore", str(backup["file"]), "--as", "left"], env=platform.known)
    wait_for(lambda: psql(platform, "gateway", "select count(*) from shared.tenants where slug = 'left'") == "1")
    tool.send_signal(signal.SIGKILL)
    tool.wait()
    guanxi(platform, "tenant", "delete", "left", "--yes")
    assert schemas(platform) == there
    assert "left" not in guanxi(platform, "tenant", "list")


def test_what_a_consumer_missed_must_be_in_the_backup(platform, backup, copy, tmp_path):
    platform.system.local("stop", "analytics")
    try:
        lead = copy["api"].ok("POST", "/v1/leads", {"company": "Unseen Ltd"})["id"]
        # Still in the outbox: in the backup, too, and told to the consumers of whatever is made of it.
        guanxi(platform, "tenant", "backup", "copy", "--to", str(tmp_path / "behind.tar"))
        assert lead.encode() in content(tmp_path / "behind.tar", "leads/events")
        wait_for(lambda: psql(platform, "customers", f"""
            select count(*) from shared.inbox_sequence where aggregate = 'lead/{lead}' and consumer = 'timeline'""") == "1")
        # As after some hours: only the log has it.
        psql(platform, "leads", f"delete from shared.outbox where aggregate_id = '{lead}'")
        refused = guanxi(platform, "tenant", "backup", "copy", "--to", str(tmp_path / "no.tar"), code=3)
        assert f"the consumer analytics has not done event 1 of lead/{lead}" in refused
        assert sorted(path.name for path in tmp_path.iterdir()) == ["behind.tar"]
    finally:
        platform.system.local("start", "analytics")
    wait_for(lambda: settled(platform, copy["id"]))
    guanxi(platform, "tenant", "restore", str(tmp_path / "behind.tar"), "--as", "behind")
    wait_for(lambda: settled(platform, psql(
        platform, "gateway", "select id from shared.tenant_records where slug = 'behind'")))


def test_a_tenant_that_was_deleted_comes_back_with_its_keys(platform, backup, copy):
    for slug in ("source", "copy", "late", "behind"):
        guanxi(platform, "tenant", "delete", slug, "--yes")
    old = Caller(platform.port, backup["api"].key)
    wait_for(lambda: old.send("GET", "/v1/leads")[0] == 401)
    answer = json.loads(guanxi(platform, "tenant", "restore", str(backup["file"]), "--as", "source", "--json"))
    assert answer["keysLeft"] == 0
    wait_for(lambda: old.send("GET", "/v1/leads")[0] == 200)
    assert backup["before"] <= all_leads(old)
