#!/usr/bin/env python3
"""Tries to reach one tenant's things from another, in every way of the API, and in the databases.

Starts a Guanxi of its own, makes its attempts, and ends on a table of them by kind: nothing may get through. The seed
is printed; the same seed makes the same attempts.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from crowd import Crowd  # noqa: E402
from database import Database  # noqa: E402
from identity import Identity  # noqa: E402
from injection import Injection  # noqa: E402
from judge import Judge  # noqa: E402
from objects import Objects  # noqa: E402
from operations import operations  # noqa: E402
from smuggling import Smuggling  # noqa: E402
from system import LOGS, SERVICES, System  # noqa: E402
from traces import Traces  # noqa: E402
from visibility import Visibility  # noqa: E402
from wire import Gateway, at_once, bearer  # noqa: E402
from world import Tenant  # noqa: E402


# Of every kind of attempt and look, less than what there is in a run of share 1: a kind that yields fewer is broken.
LEAST = {
    "id in path": 1100, "id in query": 5000, "id in body": 700, "cursor": 150, "If-Match": 550, "as it is meant": 150,
    "operators' routes": 24, "conversion": 36, "rules": 10, "files": 30, "reports": 300, "Idempotency-Key": 15,
    "tokens and keys": 3000, "headers": 5000, "log-ins and exchanges": 40, "services' own ports": 500,
    "own, team, subtree": 600, "paths": 650, "framing": 130, "the next caller": 130, "injection": 8000,
    "tenant names": 45, "full load": 2000, "database": 5000, "events": 1600, "log lines": 5, "metrics and health": 20,
    "rows at rest": 2800, "rows unchanged": 80, "isolation verify": 10}
# Kinds that do not grow with the share.
WHOLE = ("database", "Idempotency-Key", "services' own ports", "rows unchanged", "metrics and health", "isolation verify")


def least(share):
    """How many of each kind a run must have: half of its share of a whole run, as they are drawn by lot, and never none."""
    return {kind: number if kind in WHOLE else max(1, int(number * min(1, share) / 2)) for kind, number in LEAST.items()}


def say(text):
    print(text, flush=True)


class Attack:
    def __init__(self, system, options):
        self.system, self.options = system, options
        self.random = random.Random(options.seed)
        environment = system.environment()
        self.operator = environment["GUANXI_OPERATOR_KEY"]
        self.gateway = Gateway(int(environment["GUANXI_PORT"]))
        self.services = {
            name: (int(environment["GUANXI_PORT"]) + number, system.internal_port(name))
            for number, name in enumerate(SERVICES)}
        self.share = options.share

    def prepare(self):
        say("making the tenants")
        self.mine, self.theirs = (
            Tenant(self.gateway, self.operator, slug, self.random) for slug in ("mine", "theirs"))
        self.crowd = [
            Tenant(self.gateway, self.operator, f"crowd{number}", self.random)
            for number in range(self.options.tenants - 2)]
        at_once(lambda tenant: tenant.populate(), [self.mine, self.theirs], 2)
        self.load = Crowd(self.gateway, None, self.crowd, self.random)
        at_once(self.load.populate, self.crowd)
        self.document = self.gateway.send("GET", "/openapi.json").json
        self.theirs.ids -= self.mine.ids
        self.judge = self.load.judge = Judge([self.theirs])
        self.settle()
        self.database = Database(self.system, self.judge, self.mine, self.theirs)
        self.before, self.catalogue = self.database.fingerprint(self.theirs), self.database.catalogue()

    def settle(self):
        """Waits until every event has been applied."""
        def behind():
            answer = self.gateway.send("GET", "/v1/platform/status", [bearer(self.operator)]).json
            return {
                service: part for service, part in answer.items()
                if part["outbox"]["depth"] or any(group["lag"] for group in part["consumers"])}
        try:
            Tenant.wait_for(lambda: not behind())
        except AssertionError as error:
            raise AssertionError(f"events are not applied: {json.dumps(behind())}") from error

    def chosen(self, attempts, share):
        """A part of the attempts, spread over all of them."""
        return (attempt for attempt in attempts if self.random.random() < share)

    def run(self):
        known, share = operations(self.document), self.share
        objects = Objects(
            self.gateway, self.judge, known, self.mine, self.theirs, self.crowd[0], self.random)
        identity = Identity(
            self.gateway, self.judge, known, self.mine, self.theirs, self.random, self.system.folder, self.services)
        smuggling = Smuggling(self.gateway, self.judge, self.mine, self.theirs, self.services)
        injection = Injection(
            self.gateway, self.judge, known, self.mine, self.theirs, self.operator, self.random)
        visibility = Visibility(self.gateway, self.judge, known, self.mine)
        for name, attempts in (
                ("ids of others", self.chosen(objects.attempts(), share)),
                ("files, conversions, reports", self.chosen(objects.special(), min(1, 6 * share))),
                ("repeated keys", objects.repeats()),
                ("tokens, keys and headers", identity.attempts(share / 6)),
                ("own, team, subtree", self.chosen(visibility.attempts(), min(1, 2 * share))),
                ("paths and framing", self.chosen(smuggling.attempts(), share)),
                ("injection", injection.attempts(share / 12)),
                ("full load", self.load.attempts(int(3000 * share))),
                ("databases", self.database.attempts())):
            start, count = time.monotonic(), self.judge.attempts.total()
            threads = 16 if name in ("full load", "paths and framing") else 4
            at_once(lambda attempt: attempt(), list(attempts), threads)
            say(f"{name}: {self.judge.attempts.total() - count} attempts in {time.monotonic() - start:.0f} s")

    def afterwards(self):
        start, count = time.monotonic(), self.judge.looks.total()
        self.settle()
        say(f"every event is applied after {time.monotonic() - start:.0f} s")
        tenants = [self.mine, self.theirs, *self.crowd]
        traces = Traces(self.system, self.judge, tenants)
        traces.events()
        traces.logs()
        traces.metrics(self.services)
        self.database.canaries_elsewhere(tenants)
        after = self.database.fingerprint(self.theirs)
        for place in sorted(self.before.keys() | after.keys()):
            reason = None if self.before.get(place) == after.get(place) else "it is not what it was"
            self.judge.saw("rows unchanged", "/".join(place), reason)
        for service, digest in self.database.catalogue().items():
            reason = None if digest == self.catalogue[service] else "its catalogue is not what it was"
            self.judge.saw("rows unchanged", service, reason)
        say(f"what is left: {self.judge.looks.total() - count} looks in {time.monotonic() - start:.0f} s")

    def verify(self):
        """The product's own look: nothing now, and what is planted is found."""
        def ask():
            answer = self.gateway.send("POST", "/v1/platform/isolation/verify", [bearer(self.operator)])
            assert answer.status == 200, answer.text
            return answer.json
        for service, part in ask().items():
            found = part.get("error") or part["findings"]
            self.judge.saw("isolation verify", service, f"it finds {found}" if found else None)
        self.database.plant()
        planted = {found["check"] for found in ask()["leads"]["findings"]}
        for check in ("grants", "memberships", "canary", "rows", "functions"):
            self.judge.saw("isolation verify", f"planted: {check}", None if check in planted else "it is not found")

    def timing(self, count):
        """Whether "not yours" takes another time than "absent": told, it decides nothing."""
        told = []
        for collection in ("leads", "accounts", "orders", "users"):
            theirs = self.theirs.objects[collection][0]["id"]
            seconds = {"not yours": [], "absent": []}
            for _ in range(count):
                for kind, one in (("not yours", theirs), ("absent", str(uuid.uuid4()))):
                    start = time.perf_counter()
                    self.gateway.send("GET", f"/v1/{collection}/{one}", [bearer(self.mine.key)])
                    seconds[kind].append(time.perf_counter() - start)
            told.append(f"{collection} " + ", ".join(
                f"{kind} {statistics.median(times) * 1000:.2f} ms" for kind, times in seconds.items()))
        return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time")
    parser.add_argument("--share", type=float, default=1, help="part of the attempts that are made (1)")
    parser.add_argument("--tenants", type=int, default=52, help="how many tenants there are (52)")
    parser.add_argument("--log", choices=LOGS, default="postgres", help="the event log (postgres)")
    parser.add_argument(
        "--at-least", type=int, default=10_000, help="fewer attempts, without looks, are a failure (10,000)")
    parser.add_argument("--keep", action="store_true", help="leave the installation as it is afterwards")
    options = parser.parse_args()
    say(f"seed {options.seed}, share {options.share}, {options.tenants} tenants, event log {options.log}")
    # Attempts by the thousand are no matter of rates here, and log-ins are to be quick.
    os.environ |= {
        "GUANXI_RATE_LIMIT_ADDRESS": "1000000", "GUANXI_RATE_LIMIT_CALLER": "1000000",
        "GUANXI_RATE_LIMIT_TENANT": "1000000", "GUANXI_PASSWORD_COST": "light"}
    system = System("isolation", options.log)
    try:
        system.start()
        attack = Attack(system, options)
        attack.prepare()
        attack.run()
        attack.afterwards()
        told = attack.timing(max(10, int(200 * options.share)))
        attack.verify()
    finally:
        if not options.keep:
            system.stop(keep=False)
    judge = attack.judge
    for kind, reasons in itertools.groupby(sorted(judge.through), key=lambda found: found[0]):
        for _, what, reason, text in list(reasons)[:20]:
            say(f"THROUGH {kind}: {what}\n    {reason}\n    {text}")
    say("\n" + judge.table())
    say("\ntime of an answer (median): " + "; ".join(told))
    count, few = judge.attempts.total(), judge.too_few(least(options.share))
    for kind, number, wanted in few:
        say(f"TOO FEW of \"{kind}\": {number}, at least {wanted} are wanted")
    if count < options.at_least:
        say(f"TOO FEW in all: {count}, at least {options.at_least} are wanted")
    say(f"\n{count} attempts, {judge.looks.total()} looks, {len(judge.through)} through (seed {options.seed})")
    if judge.through or few or count < options.at_least:
        sys.exit(1)


if __name__ == "__main__":
    main()
