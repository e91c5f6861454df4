"""The whole installation is set back to a moment between two acknowledged writes, and goes on from there."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from calls import ROOT, Platform, Server, wait_for
from system import BESIDE, SERVICES
from test_backup import guanxi, psql, settled

# Written all the time without anybody asking, or by `guanxi recover`.
RESTLESS = {"instance_keys", "relay_cursor", "inbox_offset", "log_group"}
NOW = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


@pytest.fixture
def platform(request):
    if request.param == "kafka" and not ("KAFKA_HOME" in os.environ or BESIDE.is_dir()):
        pytest.skip("no Kafka: set KAFKA_HOME")
    # What an earlier run left has backups, which are not removed without a word.
    platform = Platform("point-in-time-test", request.param, {"FORCE": "1"})
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


def now(platform):
    return psql(platform, "gateway", NOW)


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
    moment = now(platform)
    recorded = fingerprints(platform)

    # What will not have been: a lead, and a second version of another, of which every consumer heard.
    lost = api.ok("POST", "/v1/leads", {"company": "Second Ltd"})["id"]
    _, headers, _ = api.send("GET", f"/v1/leads/{first}")
    api.ok("PATCH", f"/v1/leads/{first}", {"company": "Never Ltd"}, If_Match=headers["ETag"])
    wait_for(lambda: settled(platform, tenant) and quiet(platform))
    given_up = now(platform)

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

    # To what was there before it was set back, after all.
    platform.system.local("restore", given_up)
    platform.system.local("up")
    assert api.ok("GET", f"/v1/leads/{first}")["company"] == "Never Ltd"
    assert api.ok("GET", f"/v1/leads/{lost}")["company"] == "Second Ltd"
    assert api.send("GET", f"/v1/leads/{new[0]}")[0] == 404
    wait_for(lambda: settled(platform, tenant) and quiet(platform))
    assert api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"] == 3


# MARK: PostgreSQL alone

class Diary:
    """A server whose one table has a word for each moment."""

    def __init__(self, server):
        self.server = server
        server.psql("postgres", "create table diary (number serial, word text)")

    def write(self, word):
        """The moment after it, and before anything else."""
        self.server.psql("postgres", f"insert into diary (word) values ('{word}')")
        return self.server.psql("postgres", NOW)[0]

    def words(self):
        return self.server.psql("postgres", "select string_agg(word, ' ' order by number) from diary")[0]

    def restore(self, *words):
        """What the diary says then."""
        self.server.script("restore", *words)
        return self.words()

    def refuses(self, *words):
        before = self.words()
        done = subprocess.run(
            [ROOT / "deploy/local/postgres.sh", "restore", *words], env={**os.environ, **self.server.settings},
            capture_output=True, text=True)
        assert done.returncode == 1 and "nothing was changed" in done.stderr, done.stdout + done.stderr
        assert self.words() == before
        return done.stderr


@pytest.fixture
def diary():
    folder = ROOT / ".run" / "timelines-test"
    server = Server(folder)
    # What an earlier run left.
    server.script("destroy")
    server.script("start")
    yield Diary(server)
    server.script("destroy")
    shutil.rmtree(folder)


def test_every_moment_is_on_the_timeline_that_was_lived_then(diary):
    diary.write("a")
    diary.server.script("backup")
    b = diary.write("b")
    diary.write("c")
    # Later this backup, of the way that was given up, may not be taken for one of the way that was gone.
    diary.server.script("backup")
    d = diary.write("d")
    diary.write("e")
    assert diary.restore(b) == "a b"
    f = diary.write("f")
    diary.write("g")
    # Once more, and not as far back: what is on timeline 2.
    assert diary.restore(f) == "a b f"
    # What was there at a moment is what was there then, whatever it was set back to later.
    assert diary.restore(d) == "a b c d"
    h = diary.write("h")
    diary.server.script("backup")
    diary.write("i")
    assert diary.restore("latest", "3") == "a b f"
    # Where nobody writes any more, too.
    quiet = diary.server.psql("postgres", NOW)[0]
    assert diary.restore(h) == "a b c d h"
    assert diary.restore(quiet) == "a b f"


def test_a_moment_that_was_given_up_from_the_only_backup(diary):
    diary.server.script("backup")
    a = diary.write("a")
    b = diary.write("b")
    diary.write("c")
    assert diary.restore(a) == "a"
    diary.write("d")
    assert diary.restore(b) == "a b"


def test_an_old_data_folder_that_somebody_put_back_is_asked_about(diary):
    diary.server.script("backup")
    a = diary.write("a")
    diary.write("b")
    assert diary.restore(a) == "a"
    diary.server.script("stop")
    data = diary.server.script("data").strip()
    aside, = Path(data).parent.glob("data.before-*")
    shutil.rmtree(data)
    aside.rename(data)
    diary.server.script("start")
    c = diary.write("c")
    assert "TIMELINE=1" in diary.refuses(c)
    assert diary.restore(c, "1") == "a b c"


def test_a_log_that_cannot_be_read_is_not_taken_for_its_end(diary):
    diary.server.script("backup")
    diary.write("a")
    diary.server.psql("postgres", "select pg_switch_wal()")
    diary.write("b")
    diary.server.psql("postgres", "select pg_switch_wal()")
    archive = Path(diary.server.script("data").strip()).with_name("archive")
    wait_for(lambda: len(list(archive.glob("*.gz"))) >= 4)
    first, = (line.split()[-1].rstrip(")") for backup in archive.with_name("backups").iterdir()
              for line in (backup / "backup_label").read_text().splitlines() if line.startswith("START WAL LOCATION"))
    damaged = sorted(archive.glob("*.gz"))[-2]
    assert damaged.name > f"{first}.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    diary.refuses("latest")


def test_backups_that_are_not_kept_and_the_log_before_them_go(diary):
    diary.write("a")
    diary.server.script("backup")
    b = diary.write("b")
    diary.server.psql("postgres", "select pg_switch_wal()")
    diary.server.script("backup")
    c = diary.write("c")
    archive = Path(diary.server.script("data").strip()).with_name("archive")
    before = set(archive.glob("*.gz"))
    # Of 16 MB each.
    assert before and sum(file.stat().st_size for file in before) < len(before) * 8 << 20
    shown = diary.server.script("backup", "2")
    assert shown.count("removed the backup") == 1 and len(diary.server.script("backups").splitlines()) == 2
    assert before - set(archive.glob("*.gz"))
    diary.refuses(b)
    assert diary.restore(c) == "a b c"
