"""A running Guanxi of its own for a test or a benchmark: started as `make run` does, in another folder."""

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / "deploy" / "local" / "guanxi-local"
SERVICES = ("gateway", "leads", "opportunities", "customers", "analytics")
# Settings that would point this system at the data of another one.
SETTINGS_OF_ANOTHER = {"GUANXI_URL", "GUANXI_OPERATOR_KEY", "GUANXI_DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"}
LOGS = ("kafka", "postgres")
BESIDE = ROOT.parent / "shared" / "kafka"  # an Apache Kafka for tests may lie there

sys.path.insert(0, str(ROOT / "deploy" / "demo"))
from load import environment  # noqa: E402


class System:
    """`name` is its folder's below .run/, `log` the event log: kafka or postgres."""

    def __init__(self, name, log):
        self.log = log
        self.folder = ROOT / ".run" / name
        self.settings = {
            **{name: value for name, value in os.environ.items() if name not in SETTINGS_OF_ANOTHER},
            "GUANXI_RUN_DIR": str(self.folder), "GUANXI_EVENT_LOG": log, "GUANXI_PORT": str(free_ports())}
        if "KAFKA_HOME" not in self.settings and BESIDE.is_dir():
            self.settings["KAFKA_HOME"] = str(BESIDE)

    def local(self, *command):
        subprocess.run([str(LOCAL), *command], env=self.settings, check=True)

    def store(self, script, *command):
        """One of its private servers: `postgres.sh stop immediate`, `kafka.sh start`."""
        subprocess.run([str(LOCAL.with_name(script)), *command], env=self.settings, check=True)

    def start(self):
        if self.folder.exists():
            self.local("clean")
        self.local("up")

    def join(self):
        """Uses the one that an earlier process started."""
        known = environment(self.folder / "guanxi.env", {})
        self.settings["GUANXI_PORT"] = known["GUANXI_URL"].rpartition(":")[2]

    def stop(self, keep):
        self.local("down" if keep else "clean")

    def environment(self):
        """What the started system wrote for scripts, over the environment."""
        return {**self.settings, **environment(self.folder / "guanxi.env", {})}

    def internal_port(self, service):
        return int(self.settings["GUANXI_PORT"]) + 1000 + SERVICES.index(service)

    def pid(self, service):
        return int((self.folder / "pids" / f"{service}.pid").read_text())

    def database(self, name):
        """The address of one of its databases, as the superuser."""
        url = environment(self.folder / "services.env", {})["GUANXI_DATABASE_URL"]
        return url.replace("/postgres?", f"/{name}?")

    def kill(self, service):
        """SIGKILL, as a crash; back when the process is gone."""
        pid = self.pid(service)
        self.local("kill", service)
        while is_running(pid):
            time.sleep(0.01)

    def restart(self, service):
        self.local("restart", service)


def is_running(pid):
    """Whether a process runs; one that has ended and whose parent has not looked yet (a zombie) does not, but one of
    whose threads some are still ending does: until they have, its ports are not free."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return False
    return fields[0] != "Z" or int(fields[17]) > 1


def free_ports():
    """The first of a run of ports that nobody listens on: one for each service, and 1000 above. They are opened some
    seconds later, so the choice is a random one: two systems that start at once hardly make the same."""
    for first in random.sample(range(21080, 30000, 20), 446):
        ports = [first + index + offset for index in range(len(SERVICES)) for offset in (0, 1000)]
        if all(is_free(port) for port in ports):
            return first
    raise OSError("no free ports between 21080 and 31000")


def is_free(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) != 0
