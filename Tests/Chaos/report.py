"""Writes docs/reliability.md: what was broken, and what was kept."""

import os
from datetime import datetime, timezone
from pathlib import Path

PATH = Path(__file__).parents[2] / "docs" / "reliability.md"

HEAD = """# Reliability

Made by `make chaos CHAOS=report`: do not edit. Each run is an installation of its own, with {tenants} tenants that write
through the gateway while, every few seconds, something breaks: `kill -9` or `SIGSTOP` of a service, PostgreSQL or Kafka
restarted or crashed, a second and third instance that joins or leaves, a cut, refused or slow network between two that talk,
a full disk under the log, clocks that jump. The same seed gives the same faults: `make chaos CHAOS="--runs kafka:3"`.

Made on {day} with {cores} cores; {seconds:.0f} s of faults in each run. {left_out}

| log | seed | faults | acknowledged writes | attempts without answer | answers "not now" | events | repeats | slowest recovery | last recovery | longest write | besides faults | promises kept |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""

PROMISES = """
## The promises

{list}

- `answers "not now"`: by status; each was sent again. A 500, and a 503 that does not say when to come again, break a promise.
- `slowest recovery`: of all faults, the longest time from its end (the process is started again, the store answers, the
  network is whole) until every tenant had a write acknowledged; another fault's time meanwhile is not counted.
- `last recovery`: after the last fault, until every service is ready, every tenant can write and every event is applied.
- `longest write`: from the first attempt to the answer; `besides faults`: the most of it in which no fault went on.
- `repeats`: events that a relay published again because it died between the log's answer and its own note: the same id
  and body, which consumers skip.

The slowest recovery of each run was after:

{slowest}

The network is cut between these: {pairs}.

## What was not kept

{broken}

## The faults of each run
"""


def broken(runs):
    lines = [
        f"- {run.log}, seed {run.seed}: {name}: {wrong[0]}"
        for run in runs for name, wrong in run.promises if wrong]
    return "\n".join(lines) or "Nothing."


def left_out(runs):
    """What no run did."""
    reasons = dict.fromkeys(reason for run in runs for reason in run.figures.get("left out", []))
    return f"**Left out: {'; '.join(reasons)}.**" if reasons else "Nothing was left out."


def answers(figures):
    return ", ".join(f"{code}: {count:,}" for code, count in figures.get("errors", {}).items()) or "none"


def write(runs, options):
    text = HEAD.format(
        tenants=options.tenants, day=f"{datetime.now(timezone.utc):%Y-%m-%d}", cores=os.cpu_count(),
        seconds=options.seconds, left_out=left_out(runs))
    for run in runs:
        kept = sum(not wrong for _, wrong in run.promises)
        figures = run.figures
        text += (
            f"| {run.log} | {run.seed} | {figures.get('faults', '')} | {figures.get('writes', 0):,} | "
            f"{figures.get('unanswered', '')} | {answers(figures)} | {figures.get('events', 0):,} | "
            f"{figures.get('repeats', '')} | {figures.get('slowest recovery', '')} s | "
            f"{figures.get('last recovery', '')} s | {figures.get('longest', '')} s | "
            f"{figures.get('longest outside', '')} s | {kept} of {len(run.promises)} |\n")
    names = dict.fromkeys(name for run in runs for name, _ in run.promises)
    text += PROMISES.format(
        list="\n".join(f"- {name}" for name in names), broken=broken(runs),
        slowest="\n".join(f"- {run.log}, seed {run.seed}: {run.figures.get('after', '')}" for run in runs),
        pairs=", ".join(dict.fromkeys(pair for run in runs for pair in run.pairs)))
    for run in runs:
        text += f"\n{run.log}, seed {run.seed}:\n\n```\n" + "\n".join(run.happened()) + "\n```\n"
    PATH.write_text(text)
