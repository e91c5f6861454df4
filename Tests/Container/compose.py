"""deploy/container as a container engine understands it, as far as its two files go: what they say is what runs."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "container"
SERVICES = ("gateway", "leads", "opportunities", "customers", "analytics")


def dockerfile():
    """The Dockerfile's instructions, as (name, rest); lines that go on are joined."""
    lines = re.sub(r"\\\n\s*", "", (FILES / "Dockerfile").read_text()).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def user():
    """Whom the image runs as: root, as in any image, when the Dockerfile does not say."""
    return ([rest for name, rest in dockerfile() if name == "USER"] or ["0:0"])[-1]


def image_environment():
    return [rest for name, rest in dockerfile() if name == "ENV"]


def compose(variables):
    """compose.yaml with its variables filled in."""
    def value(match):
        name, operator, rest = match.groups()
        if name in variables:
            return variables[name]
        assert operator == ":-", f"compose.yaml needs {name}"
        return rest
    text = (FILES / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{(\w+)(:[-?])?([^}]*)\}", value, text))["services"]


def packages():
    """The packages of the image, and the reason where one is given."""
    lines = [line.partition("#") for line in (FILES / "packages.txt").read_text().splitlines()]
    return {name.strip(): reason.strip() for name, _, reason in lines if name.strip()}


def as_root(*command, check=True):
    """Through sudo, where that is needed."""
    return subprocess.run(
        ["bash", "-c", f'source "{ROOT}/deploy/local/lib.sh"; as_root "$@"', "-", *command], text=True,
        capture_output=True, check=check)


class Container:
    """A service of compose.yaml in the image's root file system, with as few privileges as compose.yaml says."""

    def __init__(self, name, definition, root, folder, sources):
        """`sources` are the folders of this machine that stand for volumes and bound folders."""
        self.name, self.definition, self.root, self.folder = name, definition, root, folder
        self.pid_file = folder / f"{name}.pid"
        self.log = folder / f"{name}.log"
        self.options = ["--bind", str(folder / "hosts"), "/etc/hosts"]
        for volume in definition.get("volumes", ()):
            if isinstance(volume, str):
                source, _, target = volume.partition(":")
            else:
                source, target = volume["source"], volume["target"]
            self.options += ["--bind", str(sources[source]), target]
        for target in definition.get("tmpfs", ()):
            self.options += ["--tmpfs", target]
        if definition.get("read_only"):
            self.options.append("--read-only")
        if "no-new-privileges:true" in definition.get("security_opt", ()):
            self.options.append("--no-new-privileges")
        if definition.get("cap_drop") == ["ALL"]:
            self.options.append("--cap-drop-all")

    def words(self, command, pid_file):
        settings = [f"{name}={value}" for name, value in self.definition.get("environment", {}).items()]
        whom = self.definition.get("user", user())
        return [
            str(ROOT / "Tests" / "Container" / "contained.sh"), str(self.root), str(pid_file), whom, *self.options,
            *image_environment(), *settings, "--", *command]

    def start(self):
        self.process = subprocess.Popen(
            self.words(self.definition["command"], self.pid_file), stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def run(self, *command):
        """Another command in a container like this one; without any, its own."""
        return subprocess.run(
            self.words(command or self.definition["command"], self.folder / f"{self.name}-run.pid"), text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)

    def healthy(self):
        keyword, *command = self.definition["healthcheck"]["test"]
        assert keyword == "CMD"
        return self.run(*command).returncode == 0

    @property
    def pid(self):
        return int(self.pid_file.read_text())

    def status(self):
        """/proc/<pid>/status of the service itself."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def stop(self, seconds):
        """SIGTERM; the status that it ended with, which is an error after so many seconds."""
        as_root("kill", "-TERM", str(self.pid))
        return self.process.wait(seconds)

    def last_words(self):
        return self.log.read_text()[-2000:]
