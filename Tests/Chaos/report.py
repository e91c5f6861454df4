"""Writes docs/reliability.md: what was broken, and what was kept."""

import os
from datetime import datetime, timezone
from pathlib import Path

PATH = Path(__file__).parents[2] / "docs" / "reliability.md"

HEAD = """# Reliability

Made by `make chaos`: do not edit. Each run is an installation of its own, with {tenants} tenants that write through the
gateway while, every few seconds, something breaks: `kill -9` or `SIGSTOP` of a service, PostgreSQL or Kafka restarted or
crashed, a second and third instance that joins or leaves, a cut, refused or slow network between any two, a full disk
under the log, clocks that jump. The same seed gives the same faults: `make chaos CHAOS="--runs kafka:3"`.

Made on {day} with {cores} cores; {seconds:.0f} s of faults in each run.

| log | seed | faults | acknowledged writes | attempts without answer | events | repeats | recovery | promises kept |
|---|---|---|---|---|---|---|---|---|
"""

PROMISES = """
## The promises

{list}

`recovery` is the time after the last fault until every service is ready, every tenant can write and every event is
applied. `repeats` are events that a relay published again because it died between the log's answer and its own note:
the same id and body, which consumers skip.

## What was not kept

{broken}

## The faults of each run
"""


def broken(runs):
    lines = [
        f"- {run.log}, seed {run.seed}: {name}: {wrong[0]}"
        for run in runs for name, wrong in run.promises if wrong]
    return "\n".join(lines) or "Nothing."


def write(runs, options):
    text = HEAD.format(
        tenants=options.tenants, day=f"{datetime.now(timezone.utc):%Y-%m-%d}", cores=os.cpu_count(),
        seconds=options.seconds)
    for run in runs:
        kept = sum(not wrong for _, wrong in run.promises)
        figures = run.figures
        text += (
            f"| {run.log} | {run.seed} | {figures.get('faults', '')} | {figures.get('writes', 0):,} | "
            f"{figures.get('unanswered', '')} | {figures.get('events', 0):,} | {figures.get('repeats', '')} | "
            f"{figures.get('recovery', '')} s | {kept} of {len(run.promises)} |\n")
    names = dict.fromkeys(name for run in runs for name, _ in run.promises)
    text += PROMISES.format(list="\n".join(f"- {name}" for name in names), broken=broken(runs))
    for run in runs:
        text += f"\n{run.log}, seed {run.seed}:\n\n```\n" + "\n".join(run.happened()) + "\n```\n"
    PATH.write_text(text)
