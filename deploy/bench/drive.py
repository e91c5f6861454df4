"""The two load generators: wrk at the gateway and pgbench at the database, one figure each."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"


class Refused(Exception):
    """A benchmark whose calls fail measures nothing."""


def wrk(url, key, act, seconds, connections, paths=None):
    """Calls a second, and p50 and p99 in milliseconds."""
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
    return {"rate": figures["calls"] / figures["seconds"], "p50": figures["p50"], "p99": figures["p99"]}


def pgbench(database, script, seconds, connections, names):
    """Transactions a second of an SQL script, prepared and not pipelined, with the names of one tenant."""
    text = (HERE / script).read_text()
    for name, value in names.items():
        text = text.replace("{{" + name + "}}", value)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        output = subprocess.run(
            [PGBENCH, "-n", "-M", "prepared", "-c", str(connections), "-j", str(min(2, connections)),
             "-T", str(seconds), "-f", file.name, database],
            check=True, capture_output=True, text=True).stdout
    if failed := re.search(r"number of failed transactions: ([1-9]\d*)", output):
        raise Refused(f"{script}: {failed[1]} transactions failed")
    return float(re.search(r"tps = ([\d.]+)", output)[1])


def psql(database, statement, **variables):
    """One statement's answer as lines of text."""
    settings = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
    output = subprocess.run(
        ["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", *settings, database],
        input=statement, check=True, capture_output=True, text=True).stdout
    return output.splitlines()
