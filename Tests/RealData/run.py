#!/usr/bin/env python3
"""The real-data test from end to end: load, kill, load again, compare; once for each event log.

For each log it starts a system of its own, reads the topics as a stranger (Kafka), loads the three
sets at once, kills every service once with SIGKILL meanwhile and starts it again, loads a second time
(which must change nothing), and compares the reports with the files. Without --data it uses the
project's own small samples.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import samples

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LOADER = ROOT / "deploy" / "demo" / "load.py"
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from system import LOGS, SERVICES, System  # noqa: E402

DATASETS = ("hardware", "education", "music")


SAMPLE_SCALE = 12  # long enough to be loaded that services can be killed meanwhile


class Run:
    """One pass over one event log; remembers how each step ended."""

    def __init__(self, system, options):
        self.system, self.options, self.steps = system, options, []

    def step(self, name, passed, began):
        self.steps.append((self.system.log, name, passed, time.monotonic() - began))
        print(f"{'ok' if passed else 'FAILED':>6}  {self.system.log}: {name}", flush=True)

    def script(self, path, *arguments, **more):
        """Starts one of our scripts against this system."""
        return subprocess.Popen(
            [sys.executable, str(path), *map(str, arguments)], env=self.system.environment(), **more)

    def selection(self):
        return ["--data", self.options.data, *(["--limit", self.options.limit] if self.options.limit else [])]

    def all(self):
        began = time.monotonic()
        self.system.start()
        self.step("system started", True, began)
        stranger = self.stranger()
        try:
            self.load("loaded at once", self.options.kill_every)
            self.load("loaded again", None)
        finally:
            if stranger:
                stranger.terminate()
                self.ended(stranger)
        if not stranger:
            self.compare([])  # waits until all is published
            self.ended(self.topics("--database", self.system.database("guanxi_log")))
        self.compare(["--sequences", self.system.folder / "sequences.json"])

    def stranger(self):
        """Who reads along; the embedded log is read when all is over."""
        if self.system.log == "kafka":
            return self.topics("--servers", self.system.environment()["KAFKA_BOOTSTRAP_SERVERS"])
        return None

    def topics(self, *log):
        return self.script(
            HERE / "topics.py", *log, "--report", self.system.folder / "topics.json",
            "--sequences", self.system.folder / "sequences.json")

    def ended(self, stranger):
        """Waits for the reader's verdict."""
        began = time.monotonic()
        self.step("topics keep their promises", stranger.wait() == 0, began)

    def load(self, name, kill_every):
        """All sets at once; with `kill_every`, each service dies once while they load."""
        began = time.monotonic()
        loads = [self.script(LOADER, dataset, *self.selection()) for dataset in DATASETS]
        for service in SERVICES if kill_every else ():
            self.kill(service, loads, kill_every)
        self.step(name, all([load.wait() == 0 for load in loads]), began)

    def kill(self, service, loads, after):
        """Waits a while and kills a service; it counts only if something was being loaded."""
        began = time.monotonic()
        while time.monotonic() - began < after and any(load.poll() is None for load in loads):
            time.sleep(0.05)
        busy = any(load.poll() is None for load in loads)
        self.system.kill(service)
        self.system.restart(service)
        note = "" if busy else ": nothing was being loaded any more, take a shorter --kill-every"
        self.step(f"{service} killed and started again{note}", busy, began)

    def compare(self, more):
        for dataset in DATASETS:
            began = time.monotonic()
            code = self.script(HERE / "check.py", dataset, *self.selection(), *more).wait()
            self.step(f"{dataset} equals its files", code == 0, began)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with maven-crm/, x-education/, cdnow/; default: samples made here")
    parser.add_argument("--limit", type=int, help="only the first N rows of each main file")
    parser.add_argument("--logs", nargs="+", choices=LOGS, default=list(LOGS), help="event logs to run on (both)")
    parser.add_argument("--kill-every", type=float, default=6, help="seconds between two kills; 0 kills none (6)")
    parser.add_argument("--keep", action="store_true", help="leave the systems' folders")
    return parser.parse_args()


def main():
    chosen, steps = options(), []
    with tempfile.TemporaryDirectory(prefix="guanxi-samples-") as folder:
        chosen.data = chosen.data or samples.make(folder, SAMPLE_SCALE)
        for log in chosen.logs:
            system = System(f"real-data-{log}", log)
            run = Run(system, chosen)
            try:
                run.all()
            except (OSError, subprocess.CalledProcessError) as error:
                run.step(f"{error}", False, time.monotonic())
            finally:
                system.stop(keep=chosen.keep)
                steps += run.steps
    print()
    for log, name, passed, seconds in steps:
        print(f"{'ok' if passed else 'FAILED':>6}  {log:<9}{name:<60}{seconds:>7.1f} s")
    failed = sum(not passed for _, _, passed, _ in steps)
    print(f"Real data: {len(steps) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
