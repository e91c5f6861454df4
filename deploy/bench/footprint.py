"""Memory and processor time of services and of PostgreSQL's connections, and the locks of the server over a time."""

import os
import subprocess
import tempfile
from pathlib import Path

from drive import psql
from idle import resident_megabytes
from system import SERVICES

BACKENDS = "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
TICK = 1 / os.sysconf("SC_CLK_TCK")
# Locks that keep readers or writers out, by those who hold them, from the beginning of their transaction on: no lock was
# held for longer.
HELD = """
    select coalesce(max(extract(epoch from clock_timestamp() - a.xact_start)) filter (
            where l.granted and l.locktype = 'relation' and a.datname = current_database() and l.mode in
                ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')), 0)
    from pg_locks l join pg_stat_activity a on a.pid = l.pid \\watch 0.05
"""


class Locks:
    """Looks at the server's locks twenty times a second while the block runs: `longest` in seconds."""

    def __init__(self, database):
        self.database = database

    def __enter__(self):
        self.output = tempfile.TemporaryFile("w+")
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-t", "-A", self.database], stdin=subprocess.PIPE, stdout=self.output, text=True)
        self.psql.stdin.write(HELD)
        self.psql.stdin.close()
        return self

    def __exit__(self, *_):
        self.psql.terminate()
        self.psql.wait()
        self.output.seek(0)
        seen = [float(line) for line in self.output.read().splitlines() if line.replace(".", "", 1).isdigit()]
        self.output.close()
        if not seen:
            raise OSError("nobody looked at the locks")
        self.longest = max(seen)


def locks_of_drop(database, tenant):
    """How many locks the removal of a tenant's schema holds in the end; it is rolled back."""
    return int(psql(database, f"""
        begin;
        drop schema t_{tenant} cascade;
        select count(*) from pg_locks where pid = pg_backend_pid() and locktype in ('relation', 'object');
        rollback;
    """)[0])


class Footprint:
    """Each sample: megabytes of the services, of the largest connection and of all connections, each its own alone."""

    def __init__(self, system):
        self.system, self.samples = system, []

    def take(self):
        sample = {service: resident_megabytes(self.system.pid(service)) for service in SERVICES}
        own = [_own_megabytes(int(pid)) for pid in psql(self.system.database("postgres"), BACKENDS)]
        sample |= {"connection": max(own), "all": sum(own), "connections": len(own)}
        self.samples.append(sample)
        return ", ".join(f"{name} {value:,.0f}" for name, value in sample.items())

    def peak(self):
        return {name: max(sample[name] for sample in self.samples) for name in self.samples[0]}


def _own_megabytes(pid):
    """What a process alone uses: shared buffers are everybody's."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty"))) / 1024


def processor_seconds(system):
    """Of the five services and of PostgreSQL with all it has started."""
    postmaster = int(psql(
        system.database("postgres"), "select split_part(pg_read_file('postmaster.pid'), chr(10), 1)")[0])
    return sum(_used(system.pid(service)) for service in SERVICES) + _used(postmaster, with_ended=True) + sum(
        _used(child) for child in _children(postmaster))


def _children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _used(pid, with_ended=False):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended, and is its parent's now
        return 0
    return sum(int(field) for field in fields[11:15 if with_ended else 13]) * TICK
