"""The two load generators: wrk at the gateway and pgbench at the database."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"


class Refused(Exception):
    """A benchmark whose calls fail measures nothing."""


def wrk(url, key, act, seconds, connections, paths=None):
    """Calls and calls a second, p50 and p99 in milliseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as file:
        file.write("\n".join(paths or []) + "\n")
        file.flush()
        output = subprocess.run(
            ["wrk", "-t", str(min(2, connections)), "-c", str(connections), "-d", f"{seconds}s", "--latency",
             "-s", str(HERE / "calls.lua"), url, "--", act, key, file.name],
            check=True, capture_output=True, text=True).stdout
    figures = json.loads(output.strip().splitlines()[-1])
    if figures["refused"] or figures["broken"] or not figures["calls"]:
        raise Refused(f"{act} {url}: {figures['refused']} refused, {figures['broken']} broken of {figures['calls']}")
    return {**figures, "rate": figures["calls"] / figures["seconds"]}


def pgbench(database, script, seconds, connections, names):
    """Transactions a second of an SQL script, prepared and not pipelined, and their p99 in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / script
        file.write_text(fill(script, names))
        output = subprocess.run(
            [PGBENCH, "-n", "-M", "prepared", "-c", str(connections), "-j", str(min(2, connections)),
             "-T", str(seconds), "-D", f"i={int(time.time() * 100)}", "-l", "-f", str(file), database],
            check=True, capture_output=True, text=True, cwd=folder).stdout
        times = sorted(
            int(line.split()[2]) for log in Path(folder).glob("pgbench_log.*") for line in log.read_text().splitlines())
    if failed := re.search(r"number of failed transactions: ([1-9]\d*)", output):
        raise Refused(f"{script}: {failed[1]} transactions failed")
    return {"rate": float(re.search(r"tps = ([\d.]+)", output)[1]), "p99": times[int(len(times) * 0.99)] / 1000}


def fill(script, names):
    """An SQL file with its {{names}}."""
    text = (HERE / script).read_text()
    for name, value in names.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def psql(database, statement, **variables):
    """What statements answer, as lines of text."""
    settings = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
    output = subprocess.run(
        ["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", *settings, database],
        input=statement, check=True, capture_output=True, text=True).stdout
    return output.splitlines()


def make_log_files(database, count=130):
    """Gives a new PostgreSQL what one that has worked for a day has: files of its log that it uses again. Each that it has
    to make holds up all commits for 50 ms, whoever writes."""
    psql(database, "select pg_logical_emit_message(true, 'guanxi', ''), pg_switch_wal();\n" * count)
    psql(database, "checkpoint")


@contextmanager
def alone(system, services, database):
    """The services stand still meanwhile, and the events written meanwhile are forgotten: a floor shares the machine
    with nobody, and leaves no work behind."""
    pids = [system.pid(service) for service in services]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
        psql(database, "truncate shared.outbox")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        # A gateway that has not heard of revocations for a second admits nobody until it has.
        time.sleep(2)
