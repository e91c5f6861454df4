"""Processor time by part of the system: unlike wall clock it does not depend on who else is busy."""

import os
import resource
from pathlib import Path

from drive import psql

TICK = 1 / os.sysconf("SC_CLK_TCK")
BACKENDS = """
    select pid, coalesce(datname, ''), coalesce(usename, '') from pg_stat_activity where pid <> pg_backend_pid()
"""


class Meter:
    """What each part has used since it was made. Backends that come and go meanwhile are not counted."""

    def __init__(self, system, services):
        self.system, self.services = system, services
        self.began = self._read()
        self.generators = generators()

    def per_call(self, calls):
        """Microseconds a call of every part that used any, the dearest first."""
        ended, spent = self._read(), {"load generator": generators() - self.generators}
        for process, (part, used) in ended.items():
            if process in self.began:
                spent[part] = spent.get(part, 0) + used - self.began[process][1]
        costs = ((part, used * 1e6 / calls) for part, used in spent.items() if used > 0)
        return dict(sorted(costs, key=lambda item: -item[1]))

    def _read(self):
        parts = {self.system.pid(service): service for service in self.services}
        for line in psql(self.system.database("postgres"), BACKENDS):
            pid, database, user = line.split("|")
            parts[int(pid)] = self._part(database, user)
        return {pid: (part, _used(pid)) for pid, part in parts.items()}

    @staticmethod
    def _part(database, user):
        if not database.startswith("guanxi_") or not user.startswith("guanxi_"):
            return "PostgreSQL itself"
        work = user.removeprefix(database + "_").partition("_")[0]
        return f"PostgreSQL, {database.removeprefix('guanxi_')} " + {"app": "requests"}.get(work, work)


class Floor:
    """What a load generator beside the services cost: itself, and the backends of its connections, which end with it."""

    def __init__(self, system):
        self.database = system.database("postgres")
        self.began = self._read()

    def per_call(self, calls):
        return (self._read() - self.began) * 1e6 / calls

    def _read(self):
        postmaster = psql(self.database, "select split_part(pg_read_file('postmaster.pid'), chr(10), 1)")[0]
        return _ended_children(postmaster) + generators()


def generators():
    """Processor seconds of the load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ended_children(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * TICK


def _used(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return 0
    return (int(fields[11]) + int(fields[12])) * TICK
