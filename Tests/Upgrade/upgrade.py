"""Upgrades the last release under load: it writes, the databases are migrated under it, this version runs beside it, it
goes; nothing is refused, lost or doubled. `make upgrade-test`

The release is the commit in deploy/release; it is built from the repository into .run/upgrade. `--record FOLDER` stops the
release in the middle of its work instead and keeps what it leaves, for Tests/Platform/test_upgrade.py.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests" / "Platform"), str(ROOT / "deploy" / "local")]
os.environ.setdefault("GUANXI_BUILD", "debug")
from calls import Caller, Platform, Writer, all_leads, wait_for  # noqa: E402
from system import SERVICES, System, environment, free_ports  # noqa: E402
from upgrading import BUSINESS, PG, psql, schema, settled, tenant_id  # noqa: E402

SOURCE = ROOT / ".run" / "upgrade" / "source"
BUILD = os.environ["GUANXI_BUILD"]


def step(text):
    print(f"==> {text}", flush=True)


def built():
    """The last release's checkout, built."""
    release = (ROOT / "deploy" / "release").read_text().strip()
    git = ["git", "-C", str(ROOT)]
    if not SOURCE.is_dir():
        subprocess.run([*git, "worktree", "prune"], check=True)
        subprocess.run([*git, "worktree", "add", "--detach", str(SOURCE), release], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(SOURCE), "checkout", "-q", "--detach", release], check=True)
    step(f"building {release[:7]} ({BUILD})")
    subprocess.run(["swift", "build", "-c", BUILD], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)


class Released(System):
    """The last release, started by its own scripts."""

    def local(self, *command):
        subprocess.run([str(SOURCE / "deploy" / "local" / "guanxi-local"), *command], env=self.settings, check=True)


class Old(Platform):
    system_type = Released


class Beside:
    """All services of this version, on ports of their own, beside the others."""

    def __init__(self, system):
        first = free_ports()
        self.port = first
        urls = {"GUANXI_GATEWAY_INTERNAL_URL": f"http://127.0.0.1:{first + 1000}"}
        for index, service in enumerate(SERVICES):
            if service != "gateway":
                urls[f"GUANXI_{service.upper()}_URL"] = f"http://127.0.0.1:{first + index}"
                urls[f"GUANXI_{service.upper()}_INTERNAL_URL"] = f"http://127.0.0.1:{first + index + 1000}"
        settings = {**system.settings, **environment(system.folder / "services.env", {}), **urls}
        self.processes = []
        for index, service in enumerate(SERVICES):
            log = open(system.folder / "log" / f"{service}-new.log", "wb")
            self.processes.append(subprocess.Popen(
                [str(ROOT / ".build" / BUILD / service), "--listen", f"127.0.0.1:{first + index}",
                 "--internal-listen", f"127.0.0.1:{first + index + 1000}"],
                env=settings, stdout=log, stderr=log, start_new_session=True))
        for index in range(len(SERVICES)):
            wait_for(lambda index=index: self.is_ready(index), 120)

    def is_ready(self, index):
        assert self.processes[index].poll() is None, f"{SERVICES[index]} ended"
        try:
            return Caller(self.port + 1000 + index).send("GET", "/health/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)


def guanxi(system, port, *words):
    known = {**system.environment(), "GUANXI_URL": f"http://127.0.0.1:{port}",
             "GUANXI_DATABASE_URL": system.database("postgres")}
    done = subprocess.run([str(ROOT / ".build" / BUILD / "guanxi"), *words], env=known, text=True, capture_output=True)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def work(api, number):
    """A little of everything; the leads that it made."""
    leads = {
        api.ok("POST", "/v1/leads", {"company": f"Demo {index} Ltd", "person": "Ada", "source": "website"})["id"]
        for index in range(number)}
    api.ok("POST", "/v1/teams", {"name": f"Team {number}"})
    api.ok("POST", "/v1/users", {"login": f"user{number}", "name": "Ada", "role": "sales"})
    lead = api.ok("POST", "/v1/leads", {"company": "Converted Ltd", "person": "Bo", "phone": "13800138000"})["id"]
    amount = {"amount": "50000.00", "currency": "USD"}
    made = api.ok("POST", f"/v1/leads/{lead}/convert", {"opportunity": {"amount": amount}})
    api.ok("POST", f"/v1/opportunities/{made['opportunityId']}/win", {})
    api.ok("POST", "/v1/orders", {"accountId": made["accountId"], "orderedOn": "2026-01-02", "amount": amount})
    return leads | {lead}


def record(folder):
    """What the release leaves when it is stopped with events that nobody has applied yet."""
    old = Old("upgrade-record", "postgres")
    try:
        api = old.tenant("released")
        work(api, 8)
        tenant = tenant_id(old.system, "released")
        wait_for(lambda: settled(old.system, tenant), 60)
        old.system.local("stop", "analytics")
        work(api, 3)
        leads = sorted(all_leads(api))
        old.system.local("down")
        old.system.store("postgres.sh", "start")
        dump = subprocess.run(
            [PG + "pg_dumpall", "-d", old.system.database("postgres")], check=True, capture_output=True).stdout
        (folder / "dump.sql.gz").write_bytes(gzip.compress(dump, 9, mtime=0))
        (folder / "facts.json").write_text(json.dumps({"leads": leads, "key": api.key}, indent=1) + "\n")
    finally:
        old.system.stop(keep=False)


def upgrade(log):
    old = Old("upgrade-test", log)
    new = None
    try:
        step("the release at work")
        api = old.tenant("busy")
        tenant = tenant_id(old.system, "busy")
        worked = work(api, 20)
        writers = [Writer(api)]
        writers[0].start()
        wait_for(lambda: len(writers[0].acknowledged) > 50)

        step("migrating under it")
        print(guanxi(old.system, old.port, "migrate").splitlines()[-1])
        before = len(writers[0].acknowledged)
        wait_for(lambda: len(writers[0].acknowledged) > before + 50)
        worked |= work(api, 2)

        step("this version beside it")
        new = Beside(old.system)
        beside = Caller(new.port, api.key)
        writers.append(SecondWriter(beside))
        writers[1].start()
        until = time.monotonic() + 10
        wait_for(lambda: time.monotonic() > until and len(writers[1].acknowledged) > 100, 60)
        worked |= work(api, 4) | work(beside, 5)
        lead = next(iter(writers[0].acknowledged))
        wait_for(lambda: beside.send("GET", f"/v1/leads/{lead}")[0] == 200)
        assert settled_within(old.system, tenant, writers), "events of the two versions do not meet"

        step("the release goes")
        writers[0].stop()
        for service in SERVICES:
            old.system.local("stop", service)
        before = len(writers[1].acknowledged)
        wait_for(lambda: len(writers[1].acknowledged) > before + 50)
        for writer in writers:
            writer.stop()
            assert not writer.refusals, writer.refusals[:3]
        acknowledged = set(writers[0].acknowledged) | set(writers[1].acknowledged)
        there = all_leads(beside)
        # Nothing was refused, so what nobody was told of is a double.
        assert there == acknowledged | worked, (
            f"{len((acknowledged | worked) - there)} leads are lost, {len(there - acknowledged - worked)} are of nobody")
        wait_for(lambda: settled(old.system, tenant), 60)
        assert "every figure is the same" in guanxi(old.system, new.port, "analytics", "rebuild", "--yes")
        assert guanxi(old.system, new.port, "dead-letters", "list") == "No event is parked.\n"
        guanxi(old.system, new.port, "migrate", "--contract")
        assert "Nothing is where it must not be." in guanxi(old.system, new.port, "isolation", "verify")
        guanxi(old.system, new.port, "tenant", "create", "fresh")
        fresh = tenant_id(old.system, "fresh")
        for service in BUSINESS:
            assert schema(old.system, service, f"t_{tenant}") == schema(old.system, service, f"t_{fresh}"), service
        print(f"{log}: {len(acknowledged)} writes acknowledged by two versions, all there, in order, once")
    finally:
        if new:
            new.stop()
        old.system.stop(keep=False)


class SecondWriter(Writer):
    """Like the first, with numbers of its own."""

    def run(self):
        number = 0
        while not self.ended.is_set():
            number += 1
            status, headers, answer = self.api.send("POST", "/v1/leads", {"company": f"Beside {number}"})
            if status == 201:
                self.acknowledged[answer["id"]] = number
            else:
                self.refusals.append((status, headers, answer))
            self.ended.wait(0.02)


def settled_within(system, tenant, writers):
    """Whether every lead written so far comes to analytics while writing goes on."""
    ids = [lead for writer in writers for lead in list(writer.acknowledged)]
    listed = ",".join(f"'{lead}'" for lead in ids)
    question = f"select count(distinct aggregate_id) from t_{tenant}.event_history where aggregate_id in ({listed})"
    return wait_for(lambda: psql(system, "analytics", question) == str(len(ids)), 60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", nargs="+", default=["kafka", "postgres"], choices=["kafka", "postgres"])
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    built()
    if options.record:
        options.record.mkdir(parents=True, exist_ok=True)
        record(options.record)
    else:
        for log in options.logs:
            upgrade(log)
