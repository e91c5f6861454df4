"""`guanxi migrate` over many tenants: with nothing to do, and with a column that a kill interrupts."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from drive import Refused, psql
from system import ROOT

COLUMN = "alter table {{schema}}.leads add column bench_note text not null default '';\n"
DONE = "select count(*) from shared.tenants where (schema_version->>'extra')::int >= 1"
TENANTS = "select count(*) from shared.tenants"
HAVE_IT = """
    select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid
    where a.attname = 'bench_note' and c.relname = 'leads'
"""


def command(system, *options):
    binary = ROOT / ".build" / os.environ.get("GUANXI_BUILD", "release") / "guanxi"
    return [str(binary), "migrate", "--database-url", system.database("postgres"), *options]


def run(system, *options):
    """Seconds and what it said."""
    began = time.monotonic()
    done = subprocess.run(command(system, *options), check=True, capture_output=True, text=True)
    return time.monotonic() - began, done.stdout


def add_column(system, database):
    """Adds a column to every tenant's leads; the first run is killed when a third of the tenants have it."""
    tenants = int(psql(database, TENANTS)[0])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "leads" / "tenant" / "0001_bench_note.sql"
        file.parent.mkdir(parents=True)
        file.write_text(COLUMN)
        began = time.monotonic()
        first = subprocess.Popen(command(system, "--extra", folder), stdout=subprocess.DEVNULL)
        while int(psql(database, DONE)[0]) < max(1, tenants // 3):
            if first.poll() is not None:
                raise Refused(f"migrate ended with {first.returncode} before it was killed")
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
        before = int(psql(database, DONE)[0])
        _, said = run(system, "--extra", folder)
        seconds = time.monotonic() - began
    have = int(psql(database, HAVE_IT)[0])
    if have != tenants or f"leads: 0 migrations, {tenants - before} tenants brought up to date" not in said:
        # A transaction that was committing when it was killed may have been counted late.
        if have != tenants or "tenants brought up to date" not in said:
            raise Refused(f"{have} of {tenants} tenants have the column: {said}")
    return {"seconds": seconds, "before": before, "after": tenants - before}
