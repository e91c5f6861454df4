#!/usr/bin/env python3
"""Breaks an installation while 20 tenants write to it, and says whether every promise was kept.

Each run has its own installation, its own seed (printed, so that it can be had again) and its own event log. Without
--report nothing is left behind; with it the table in docs/reliability.md is written anew.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "RealData"), str(HERE.parents[1] / "deploy" / "demo")]
import checker  # noqa: E402
import report  # noqa: E402
from client import Api  # noqa: E402
from cluster import Cluster  # noqa: E402
from driver import TIMEOUT, Driver  # noqa: E402
from faults import Faults  # noqa: E402
from tenant import caller  # noqa: E402
from waits import Waits  # noqa: E402

BRIEF_SHARE = 0.4  # of the time that faults last, with --once
WARM_UP = 8.0
SETTLE_LIMIT = 120.0
RETRIED = {408, 429}  # besides what is a server's error
GROWTH = 1.5  # of a service's memory, over what it was before the faults …
SLACK = 30  # … and megabytes besides, for caches that fill


class Run:
    def __init__(self, log, seed, options):
        self.log, self.seed, self.options = log, seed, options
        self.cluster = Cluster(f"chaos-{log}", log, with_ballast=not options.no_full_disk)
        self.promises, self.figures, self.faults, self.pairs = [], {}, None, []
        self.stopping = threading.Event()

    def promise(self, name, wrong):
        self.promises.append((name, wrong))
        print(f"{'ok' if not wrong else 'FAILED':>6}  {self.log} seed {self.seed}: {name}", flush=True)
        for text in checker.shorten(wrong):
            print(f"          {text}", flush=True)

    def all(self):
        length = "each fault once" if self.options.once or self.options.only else f"{self.options.seconds:.0f} s"
        print(f"==> {self.log}, seed {self.seed}: {length}, {self.options.tenants} tenants")
        self.cluster.start()
        self.pairs = self.cluster.links.names
        tenants = self.tenants()
        topics = checker.Topics()
        driver = Driver(tenants, self.cluster.gateway_ports, self.seed, self.options.rate)
        driver.start()
        time.sleep(WARM_UP)
        before = self.memory()
        share = BRIEF_SHARE if self.options.once else 1.0
        self.faults = faults = Faults(
            self.cluster, random.Random(self.seed), self.stopping, share, not self.options.no_clock_jumps)
        for reason in faults.left_out.values():
            print(f"  !! LEFT OUT: {reason}", flush=True)
        if self.options.once or self.options.only:
            faults.each_once(self.options.only)
        else:
            faults.run(self.options.seconds)
        recovery = self.recovered(tenants)
        waits = Waits(faults.all, driver.journal.steps, [tenant for tenant, *_ in tenants])
        waits.wait_for_writes(SETTLE_LIMIT)
        driver.stop()
        settled = self.settle()
        driver.repeat_all()
        self.settle()
        after = self.memory()
        # What is judged is what is left when all have ended.
        self.cluster.end_services()
        self.read(topics)
        self.judge(driver.journal, topics, tenants, settled, before, after)
        self.judge_times(waits, recovery)
        self.count(driver.journal, topics, waits, recovery)

    def tenants(self):
        """(id, key, setup) of the tenants, made now."""
        operator = Api(self.cluster.url(), self.cluster.operator_key())
        made = []
        for number in range(self.options.tenants):
            info = operator.post("/v1/tenants", {
                "slug": f"chaos-{number:02}", "name": f"Chaos {number}", "timeZone": "UTC", "currency": "CNY"})
            api = caller(operator, info["id"], "chaos", "admin")
            stages = [("one", 10), ("two", 30), ("three", 60), ("won", 100)]
            pipeline = api.post("/v1/pipelines", {
                "name": "Chaos", "template": "custom",
                "stages": [{"key": key, "zh": key, "en": key, "winRate": rate} for key, rate in stages]})
            made.append((info["id"], api.key, {"pipelineId": pipeline["id"]}))
        print(f"  {len(made)} tenants made", flush=True)
        return made

    def memory(self):
        return {one.name: one.resident() or 0 for one in self.cluster.running() if one.number == 0}

    # After the faults.

    def recovered(self, tenants):
        """Seconds until every service is ready, every tenant can write and every event has arrived; says what took
        how long."""
        began = time.monotonic()
        waiting = {tenant: key for tenant, key, _ in tenants}
        attempt, reached = 0, {}

        def note(what, is_so):
            if is_so and what not in reached:
                reached[what] = round(time.monotonic() - began, 1)
            return is_so

        while time.monotonic() - began < SETTLE_LIMIT:
            attempt += 1
            for tenant, key in list(waiting.items()):
                api = Api(self.cluster.url(), key, patience=0)
                try:
                    api.post("/v1/accounts", {"name": f"Recovered {tenant} {attempt}"})
                    del waiting[tenant]
                except Exception:  # not yet
                    break
            all_write = note("every tenant writes", not waiting)
            all_ready = note("every service is ready", all(one.is_ready() for one in self.cluster.running()))
            if all_write and all_ready and note("events have arrived", self.is_caught_up(50)):
                print(f"  recovered: {reached}", flush=True)
                return time.monotonic() - began
            time.sleep(0.2)
        print(f"  not recovered: {reached}; still waiting: {self.waiting()}", flush=True)
        return SETTLE_LIMIT

    def waiting(self):
        """How many events wait in each outbox and for each consumer; None when not every service says so."""
        status = self.cluster.status()
        if status is None:
            return None
        outboxes = {f"outbox of {service}": one["outbox"]["depth"] for service, one in status.items()}
        return outboxes | {
            f"{group['group']} in {service}": group["lag"] for service, one in status.items() for group in one["consumers"]}

    def is_caught_up(self, most=0):
        """Nothing waits in outboxes and consumers (or a few events, while there is traffic)."""
        waiting = self.waiting()
        return waiting is not None and all(number is not None and number <= most for number in waiting.values())

    def settle(self):
        """Until all is published and applied and no conversion is under way; false when that does not happen."""
        deadline, quiet = time.monotonic() + SETTLE_LIMIT, 0
        while time.monotonic() < deadline:
            quiet = quiet + 1 if self.is_caught_up() and not self.open_sagas() else 0
            if quiet >= 3:
                return True
            time.sleep(0.5)
        return False

    def open_sagas(self):
        schemas = self.cluster.psql("guanxi_leads", "select nspname from pg_namespace where nspname like 't\\_%'")
        union = " union all ".join(
            f"select count(*) as n from {schema}.conversions where phase in ('running', 'compensating')"
            for [schema] in schemas)
        return int(self.cluster.psql("guanxi_leads", f"select sum(n) from ({union}) x")[0][0])

    def read(self, topics):
        if self.log == "postgres":
            import embedded
            embedded.read(self.cluster.services["GUANXI_DATABASE_URL"].replace("/postgres?", "/guanxi_log?"), topics)
            return
        from topics import Reader
        Reader(self.cluster.services["KAFKA_BOOTSTRAP_SERVERS"], topics).run(lambda: True, idle=3)

    # What is said of it.

    def judge(self, journal, topics, tenants, settled, before, after):
        if not self.options.only:
            self.promise("every fault could happen on this machine, but for those left out by name", [
                reason for kind, reason in self.faults.left_out.items() if kind not in self.may_be_left_out()])
        self.promise(
            "a repeated Idempotency-Key gets the same answer, and no answer is odd", distinct(journal.oddities))
        self.promise("events and conversions come to rest", [] if settled else [f"not within {SETTLE_LIMIT:.0f} s"])
        for name, wrong in checker.Checker(self.cluster, [tenant for tenant, *_ in tenants], journal, topics).all():
            self.promise(name, wrong)
        self.promise("projections equal their rebuild, by hash", self.rebuilt())
        self.promise("no service ends by itself, each ends well and in time when told to", self.cluster.oddities)
        self.promise("memory is back where it was", [
            f"{name}: {before[name]:.0f} MB before, {after[name]:.0f} MB after" for name in after
            if after[name] > max(before.get(name, 0) * GROWTH, before.get(name, 0) + SLACK)])

    def may_be_left_out(self):
        options = self.options
        return {
            kind for kind, is_chosen in (
                ("fill_disk", options.no_full_disk), ("jump_clock", options.no_clock_jumps)) if is_chosen}

    def judge_times(self, waits, recovery):
        within = self.options.recovery
        slowest, fault = waits.slowest_recovery()
        self.promise(
            f"{within:.0f} s after each fault every tenant has written again",
            [] if slowest < within else [f"after \"{fault}\" it took {slowest:.1f} s"])
        self.promise(
            f"{within:.0f} s after the last fault every service is ready and every event applied",
            [] if recovery < within else [f"it took {recovery:.1f} s"])
        # The attempt that a fault swallowed waits for its answer as long as a client does.
        most, (longest, step) = TIMEOUT + within, waits.longest_outside()
        self.promise(
            f"no write took longer than {most:.0f} s besides the time that faults lasted",
            [] if longest <= most else [f"{step.kind} {step.object_id} took {longest:.1f} s: {step.statuses}"])

    def rebuilt(self):
        self.cluster.launch_all()
        done = subprocess.run(
            [str(self.cluster.program("guanxi")), "analytics", "rebuild", "--yes", "--json"],
            env=self.cluster.operator_environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.cluster.end_services()
        return [] if done.returncode == 0 else [f"{done.stderr.strip()} {done.stdout[:300]}"]

    def count(self, journal, topics, waits, recovery):
        steps, answers = journal.steps, journal.answers
        slowest, fault = waits.slowest_recovery()
        self.figures = {
            "faults": len(waits.faults), "writes": sum(step.outcome == "acked" for step in steps),
            "refused": sum(step.outcome == "refused" for step in steps), "unanswered": answers[None],
            "errors": {str(code): answers[code] for code in sorted(filter(None, answers)) if code in RETRIED or code >= 500},
            "events": len(topics.bodies), "repeats": topics.repeats,
            "slowest recovery": round(slowest, 1), "after": fault, "last recovery": round(recovery, 1),
            "longest": round(waits.longest(), 1), "longest outside": round(waits.longest_outside()[0], 1),
            "left out": list(self.faults.left_out.values())}
        print(f"  {json.dumps(self.figures, ensure_ascii=False)}", flush=True)

    def happened(self):
        return self.faults.happened if self.faults else []


def distinct(texts):
    """One of each kind first: ids and marks apart they say the same."""
    kinds = {}
    for text in texts:
        kinds.setdefault(re.sub(r"[0-9a-f-]{36}|[0-9]+|chaos-\w+|mark-\S+", "", text)[:80], text)
    return [*kinds.values(), *(text for text in texts if text not in kinds.values())]


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180, help="how long faults go on in each run (180)")
    parser.add_argument(
        "--runs", type=run, nargs="+", metavar="LOG[:SEED]", default=[run("kafka"), run("postgres")],
        help="event log and seed of each run; a seed is drawn where none is given (kafka postgres)")
    parser.add_argument("--once", action="store_true", help="each fault once and shorter, instead of for --seconds")
    parser.add_argument("--only", nargs="+", metavar="FAULT", help="these faults once each: jump_clock, kill, …")
    parser.add_argument("--recovery", type=float, default=10, help="seconds that recovery may take (10)")
    parser.add_argument("--tenants", type=int, default=20, help="tenants that write (20)")
    parser.add_argument("--rate", type=float, default=60, help="writes a second in all, where they get that far (60)")
    parser.add_argument("--no-full-disk", action="store_true", help="leave out the fault that needs to mount a disk")
    parser.add_argument("--no-clock-jumps", action="store_true", help="leave out the fault that needs libfaketime")
    parser.add_argument("--report", action="store_true", help="write the table in docs/reliability.md")
    parser.add_argument("--keep", action="store_true", help="leave the installations' folders")
    return parser.parse_args()


def run(text):
    """`kafka:7` → ("kafka", 7)"""
    log, _, seed = text.partition(":")
    if log not in ("kafka", "postgres"):
        raise argparse.ArgumentTypeError(f"{log} is no event log: kafka or postgres")
    return log, int(seed) if seed else int.from_bytes(os.urandom(3), "big")


def main():
    chosen, done = options(), []
    # Whoever is told to end takes along what he started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for log, seed in chosen.runs:
        one = Run(log, seed, chosen)
        done.append(one)
        try:
            one.all()
        except Exception as error:
            traceback.print_exc()
            one.promise("the run came to its end", [repr(error)])
        finally:
            one.cluster.stop(keep=chosen.keep)
        if chosen.report:
            report.write(done, chosen)
    wrong = [name for one in done for name, wrong in one.promises if wrong]
    print(f"{sum(len(one.promises) for one in done) - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
