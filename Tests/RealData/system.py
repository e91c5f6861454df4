"""A running Guanxi for one test: started by the same script as `make run`, in a folder of its own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / "deploy" / "local" / "guanxi-local"
SERVICES = ("gateway", "leads", "opportunities", "customers", "analytics")
LOGS = ("kafka", "postgres")
BESIDE = ROOT.parent / "shared" / "kafka"  # an Apache Kafka for tests may lie there

sys.path.insert(0, str(ROOT / "deploy" / "demo"))
from load import environment  # noqa: E402


class System:
    def __init__(self, log):
        self.log = log
        self.folder = ROOT / ".run" / f"real-data-{log}"
        self.settings = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")},
            "GUANXI_RUN_DIR": str(self.folder), "GUANXI_EVENT_LOG": log, "GUANXI_PORT": str(free_ports())}
        if "KAFKA_HOME" not in self.settings and BESIDE.is_dir():
            self.settings["KAFKA_HOME"] = str(BESIDE)

    def local(self, *command):
        subprocess.run([str(LOCAL), *command], env=self.settings, check=True)

    def start(self):
        if self.folder.exists():
            self.local("clean")
        self.local("up")

    def stop(self, keep):
        self.local("down" if keep else "clean")

    def environment(self):
        """What the started system wrote for scripts, over the environment."""
        return {**self.settings, **environment(self.folder / "guanxi.env", {})}

    def kill(self, service):
        """SIGKILL, as a crash; nobody is told."""
        self.local("kill", service)

    def restart(self, service):
        self.local("restart", service)


def free_ports():
    """The first of a run of ports that nobody listens on: one for each service, and 1000 above."""
    for first in range(21080, 30000, 20):
        ports = [first + index + offset for index in range(len(SERVICES)) for offset in (0, 1000)]
        if all(is_free(port) for port in ports):
            return first
    raise OSError("no free ports between 21080 and 31000")


def is_free(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) != 0
