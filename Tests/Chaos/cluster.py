"""An installation of its own whose parts can be killed, stopped, cut off from each other and joined by others."""

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy" / "local"))
from links import Links  # noqa: E402
from system import ROOT, SERVICES, System, environment, is_free  # noqa: E402

LOCAL = ROOT / "deploy" / "local"
SPARE = 3  # instances of a service for which there are ports
DISK_MEGABYTES = 600
DOORS = {"public": 0, "internal": 1000}  # how far a service's ports are from its first
ENDS_WITHIN = 12  # seconds after SIGTERM: what is under way has 10
# Debian's libfaketime; without it clocks do not jump.
FAKETIME = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1")


class Instance:
    """One process of a service."""

    def __init__(self, service, number, port):
        self.service, self.number, self.port, self.internal = service, number, port, port + 1000
        self.process, self.may_be_gone = None, False

    @property
    def name(self):
        return self.service if self.number == 0 else f"{self.service} {self.number + 1}"

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def get(self, path, timeout=2.0):
        """Status and text of an answer of its internal port; (None, "") without one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.internal, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return None, ""
        finally:
            connection.close()

    def is_ready(self):
        return self.get("/health/ready")[0] == 200

    def resident(self):
        """Megabytes of memory; None when it does not run."""
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text()
        except (OSError, AttributeError):
            return None
        found = re.search(r"VmRSS:\s+(\d+)", text)
        return int(found[1]) / 1024 if found else None


class Cluster(System):
    def __init__(self, name, log, with_ballast=True):
        super().__init__(name, log)
        # A broker that starts again and again has no time to compile itself to the last.
        self.settings.setdefault("KAFKA_OPTS", "-XX:TieredStopAtLevel=1")
        self.base = ports_for_all()
        self.instances, self.gateway_ports, self.oddities = {}, [], []
        # Why the log has no small disk that can be filled.
        self.no_ballast = (
            "--no-full-disk was given" if not with_ballast else
            None if os.geteuid() == 0 else "only root may mount a small one")
        self.ballast = None
        self.sockets = Path(tempfile.mkdtemp(prefix="guanxi-links-", dir="/tmp"))
        self.links = None
        self.logs = self.folder / "log"
        self.clock = self.folder / "clock"

    # Ports: 20 for each service, the links above them.

    def port(self, service, number=0):
        return self.base + SERVICES.index(service) * SPARE + number

    def link_port(self, index):
        return self.base + 100 + index

    def script(self, name, *arguments):
        done = subprocess.run(
            [str(LOCAL / name), *arguments], env=self.settings, check=True, text=True, stdout=subprocess.PIPE)
        return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""

    # Start and stop.

    def start(self):
        self.clean()
        self.local("stores")
        self.logs.mkdir(parents=True, exist_ok=True)
        self.jump(0)
        self.services = environment(self.folder / "services.env", {})
        self.links = Links()
        self.connect()
        subprocess.run(
            [str(self.program("guanxi")), "migrate", "--operator-key-file", str(self.folder / "operator.key")],
            env={**self.settings, **self.services}, check=True, stdout=subprocess.DEVNULL)
        if self.log == "postgres":
            self.small_disk_for_embedded()
        self.launch_all()
        self.gateway_ports.append(self.port("gateway"))

    def launch_all(self):
        """One instance of each service."""
        for service in SERVICES:
            self.launch(service)
        for service in SERVICES:
            self.wait_ready(self.instances[service, 0])

    def program(self, name):
        return ROOT / ".build" / os.environ.get("GUANXI_BUILD", "release") / name

    def connect(self):
        """Links for every pair that talks."""
        real = Path(re.search(r"host=([^&]+)", self.services["GUANXI_DATABASE_URL"])[1])
        for service in SERVICES:
            folder = self.sockets / service
            folder.mkdir(mode=0o755)
            self.links.open(
                f"{service}-postgres", str(folder / ".s.PGSQL.5432"), [str(real / ".s.PGSQL.5432")],
                f"{service} ⇹ postgres")
        # Calls and an operator's words; the steps of a conversion; keys and revocations.
        ways = [("gateway", service, door) for door in DOORS for service in SERVICES[1:]] + [
            ("leads", "customers", "internal"), ("leads", "opportunities", "internal")] + [
            (service, "gateway", "internal") for service in SERVICES[1:]]
        self.ways = {}
        for index, (caller, service, door) in enumerate(ways):
            self.ways[caller, service, door] = self.link_port(index)
            self.links.open(
                f"{caller}-{service}-{door}", self.link_port(index), [self.target(service, 0, door)],
                f"{caller} ⇹ {service}" + (" (keys)" if service == "gateway" else ""))
        if self.log == "kafka":
            self.connect_kafka()

    def target(self, service, number, door):
        return self.port(service, number) + DOORS[door]

    def connect_kafka(self):
        """A listener for each service, whose advertised address is a link's."""
        self.script("kafka.sh", "stop")
        path = self.folder / "kafka" / "server.properties"
        lines = path.read_text().splitlines()
        listeners, advertised, protocols = "", "", ""
        for index, service in enumerate(SERVICES):
            real, link = self.link_port(20 + index), self.link_port(30 + index)
            name = service.upper()
            listeners += f",{name}://127.0.0.1:{real}"
            advertised += f",{name}://127.0.0.1:{link}"
            protocols += f",{name}:PLAINTEXT"
            self.links.open(f"{service}-kafka", link, [real], f"{service} ⇹ kafka")
        more = {"listeners": listeners, "advertised.listeners": advertised, "listener.security.protocol.map": protocols}
        path.write_text("\n".join(line + more.get(line.partition("=")[0], "") for line in lines) + "\n")
        data, aside = self.folder / "kafka" / "data", self.folder / "kafka" / "aside"
        data.rename(aside)
        self.mount(data)
        shutil.copytree(aside, data, dirs_exist_ok=True)
        shutil.rmtree(aside)
        self.script("kafka.sh", "start")

    def small_disk_for_embedded(self):
        """The embedded log's database goes to a disk of its own, beside the server's data: its user reaches those,
        and perhaps not this checkout."""
        [[data]] = self.psql("postgres", "show data_directory")
        folder = Path(data).parent / "small-disk"
        self.mount(folder)
        if self.ballast is None:
            return
        space = folder / "space"
        space.mkdir()
        shutil.chown(space, "postgres")
        self.psql("postgres", f"create tablespace small location '{space}'")
        self.psql("postgres", "alter database guanxi_log set tablespace small")

    def mount(self, folder):
        """A disk of its own for a folder, where we may."""
        if self.no_ballast:
            folder.mkdir(parents=True, exist_ok=True)
            return
        try:
            self.ballast = Ballast(folder, DISK_MEGABYTES, self.mark())
        except OSError as error:
            self.no_ballast = f"mounting a small one failed: {error.strerror}"
        except subprocess.CalledProcessError as error:
            self.no_ballast = f"mounting a small one failed with {error.returncode}: it takes a root who may mount"

    def mark(self):
        """The name by which the system knows this installation's disk, also when another process mounted it."""
        return "guanxi-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    def wait_kafka(self, within=120):
        """Until the broker leads every partition again: its port opens long before."""
        # Here and not above: only runs on Kafka need the client.
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        client = AdminClient({"bootstrap.servers": self.services["KAFKA_BOOTSTRAP_SERVERS"], "log_level": 0})
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                topics = client.list_topics(timeout=2).topics.values()
                if topics and all(part.leader >= 0 for topic in topics for part in topic.partitions.values()):
                    return
            except KafkaException:
                pass
            time.sleep(0.1)
        raise OSError(f"Kafka did not answer within {within} s of its start")

    def settings_of(self, service):
        """Its environment: as in every installation, but by way of the links."""
        url = self.services["GUANXI_DATABASE_URL"]
        settings = {**os.environ, **self.services}
        settings["GUANXI_DATABASE_URL"] = re.sub(r"host=[^&]+", f"host={self.sockets / service}", url)
        for other in SERVICES:
            public, internal = (
                self.ways.get((service, other, door), self.target(other, 0, door)) for door in DOORS)
            settings[f"GUANXI_{other.upper()}_INTERNAL_URL"] = f"http://127.0.0.1:{internal}"
            if other != "gateway":
                settings[f"GUANXI_{other.upper()}_URL"] = f"http://127.0.0.1:{public}"
        if self.log == "kafka":
            settings["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{self.link_port(30 + SERVICES.index(service))}"
        return settings

    def jump(self, seconds):
        """Puts the wall clock of every service ahead or back; 0 makes it right. Monotonic clocks stay as they are."""
        self.clock.write_text(f"{seconds:+d}s\n")

    def steady_timers(self):
        """A library of ours that keeps libfaketime from the timers of clocks that never jump."""
        library = self.folder / "steady_timers.so"
        if not library.exists():
            source = Path(__file__).with_name("steady_timers.c")
            # Swift's own compiler.
            subprocess.run(["clang", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
        return library

    def clock_settings(self):
        if not FAKETIME.exists():
            return {}
        return {
            "LD_PRELOAD": f"{self.steady_timers()} {FAKETIME}", "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "0",
            "FAKETIME_DONT_RESET": "1"}

    def launch(self, service, number=0):
        instance = self.instances.get((service, number)) or Instance(service, number, self.port(service, number))
        self.instances[service, number] = instance
        with open(self.logs / f"{instance.name.replace(' ', '-')}.log", "ab") as log:
            # Not by flags: with libfaketime loaded, Swift's runtime may find the command line empty.
            places = {"GUANXI_LISTEN": f"127.0.0.1:{instance.port}",
                      "GUANXI_INTERNAL_LISTEN": f"127.0.0.1:{instance.internal}"}
            instance.process = subprocess.Popen(
                [str(self.program(service))], env={**self.settings_of(service), **self.clock_settings(), **places},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        instance.may_be_gone = False
        return instance

    def wait_ready(self, instance, within=60):
        deadline = time.monotonic() + within
        while not instance.is_ready():
            if not instance.is_running():
                raise OSError(f"{instance.name} ended with {instance.process.returncode}: see {self.logs}")
            if time.monotonic() > deadline:
                raise OSError(f"{instance.name} is not ready: {instance.get('/health/ready')[1]}")
            time.sleep(0.05)

    def kill(self, instance):
        instance.may_be_gone = True
        instance.process.kill()
        instance.process.wait()

    def end(self, instances):
        """SIGTERM, after which each ends by itself, in time and well; sentences about those that did not."""
        wrong, deadline = [], time.monotonic() + ENDS_WITHIN
        for instance in instances:
            instance.may_be_gone = True
            instance.process.terminate()
        for instance in instances:
            try:
                code = instance.process.wait(max(0, deadline - time.monotonic()))
                if code != 0:
                    wrong.append(f"{instance.name} ended with {code} after SIGTERM")
            except subprocess.TimeoutExpired:
                wrong.append(f"{instance.name} did not end within {ENDS_WITHIN} s of SIGTERM")
                self.kill(instance)
        self.oddities += wrong
        return wrong

    def end_services(self):
        """Every instance, the gateways first, as it is written for operators."""
        self.look_for_the_gone()
        self.end(self.running("gateway"))
        self.end(self.running())

    def look_for_the_gone(self):
        """Sentences about processes that ended though nobody had them end."""
        gone = [
            one for one in self.instances.values() if one.process and not one.is_running() and not one.may_be_gone]
        for one in gone:
            one.may_be_gone = True  # said once
        wrong = [f"{one.name} ended by itself, with {one.process.returncode}: see {self.logs}" for one in gone]
        self.oddities += wrong
        return wrong

    def stop(self, keep):
        for instance in self.running():
            instance.process.send_signal(signal.SIGCONT)
        self.end_services()
        if self.links:
            self.links.close()
        shutil.rmtree(self.sockets, ignore_errors=True)
        self.local("down")
        if not keep:
            self.clean()

    def clean(self):
        """Removes what is left of this installation, or of one before it."""
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        for folder in [fields[1] for fields in mounts if fields[0] == self.mark()]:
            self.local("down")
            subprocess.run(["umount", "-l", folder.replace("\\040", " ")], check=True)
        if self.folder.exists():
            self.local("clean")

    # Instances that come and go.

    def route(self, service):
        """Tells the links which instances there are."""
        numbers = [number for (name, number), one in self.instances.items() if name == service and one.is_running()]
        if service == "gateway":
            self.gateway_ports[:] = [self.port(service, number) for number in numbers] or [self.port(service)]
        for caller, called, door in self.ways:
            if called == service:
                targets = [self.target(service, number, door) for number in numbers or [0]]
                self.links.targets(f"{caller}-{service}-{door}", targets)

    def running(self, service=None):
        return [one for one in self.instances.values() if one.is_running() and service in (None, one.service)]

    # What it says of itself.

    def operator_key(self):
        return (self.folder / "operator.key").read_text().strip()

    def url(self):
        return f"http://127.0.0.1:{self.port('gateway')}"

    def operator_environment(self):
        return {**os.environ, "GUANXI_URL": self.url(), "GUANXI_OPERATOR_KEY": self.operator_key()}

    def status(self):
        """What `guanxi status` knows, or None."""
        done = subprocess.run(
            [str(self.program("guanxi")), "status", "--json"], env=self.operator_environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return json.loads(done.stdout) if done.returncode == 0 else None
        except ValueError:
            return None

    def psql(self, database, statement):
        """Rows of a query, as lists of text, read as the superuser and not through a link."""
        url = self.services["GUANXI_DATABASE_URL"].replace("/postgres?", f"/{database}?")
        done = subprocess.run(
            ["/usr/lib/postgresql/15/bin/psql", url, "-XAtq", "-F", "\x1f", "-R", "\x1e", "-c", statement],
            check=True, text=True, stdout=subprocess.PIPE)
        text = done.stdout.removesuffix("\n")
        return [row.split("\x1f") for row in text.split("\x1e")] if text else []


def ports_for_all():
    """The first of a run of ports that nobody listens on, internal ones included."""
    for first in range(22000, 30000, 200):
        used = [first + index for index in range(5 * SPARE)] + [first + 100 + index for index in range(40)]
        if all(is_free(port) and is_free(port + 1000) for port in used):
            return first
    raise OSError("no free ports between 22000 and 31000")


class Ballast:
    """A small file system of its own under the log, and a file that fills it."""

    def __init__(self, folder, megabytes, mark):
        self.folder, self.file = folder, folder / "ballast"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", mark, str(folder)], check=True)

    def fill(self):
        with open(self.file, "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def remove(self):
        self.file.unlink(missing_ok=True)
