"""What goes wrong. Each fault happens, lasts, is undone, and says in one line what it was."""

import os
import signal
import time
from dataclasses import dataclass

from cluster import FAKETIME
from system import SERVICES, is_running

KAFKA, POSTGRES = "kafka", "postgres"
KILLED_WITHIN = 30  # seconds


@dataclass
class Fault:
    """One that happened, and when it was undone: from then on what recovers is ours."""

    text: str
    began: float
    ended: float | None = None


class Faults:
    """Draws faults by a seed and lets them happen one after the other. `share` shortens how long each lasts."""

    def __init__(self, cluster, chance, stopping, share=1.0, with_clocks=True):
        self.cluster, self.chance, self.stopping, self.share = cluster, chance, stopping, share
        self.all, self.happened, self.began = [], [], time.monotonic()
        self.joined = []
        self.kinds = [
            (self.kill, 5), (self.pause, 3), (self.restart_postgres, 2), (self.crash_postgres, 2),
            (self.join, 4), (self.leave, 3), (self.cut, 3), (self.slow, 2)]
        if cluster.log == KAFKA:
            self.kinds += [(self.restart_kafka, 2), (self.crash_kafka, 1)]
        self.left_out = {}  # kinds that this machine cannot do, and why
        if with_clocks and FAKETIME.exists():
            self.kinds.append((self.jump_clock, 2))
        else:
            self.left_out["jump_clock"] = "the clocks do not jump: " + (
                "libfaketime is not installed (deploy/local/setup.sh chaos)" if with_clocks else
                "--no-clock-jumps was given")
        if cluster.ballast:
            self.kinds.append((self.fill_disk, 2))
        else:
            self.left_out["fill_disk"] = f"no disk is full: {cluster.no_ballast}"

    def note(self, text):
        now = time.monotonic()
        line = f"{now - self.began:6.1f} s  {text}"
        self.happened.append(line)
        print(f"  {line}", flush=True)
        return now

    def begins(self, text):
        self.all.append(Fault(text, self.note(text)))

    def is_over(self):
        """The last one is undone now."""
        self.all[-1].ended = time.monotonic()

    def happen(self, kind):
        """Lets one happen, if it can now; nothing that ran before may be gone."""
        before = len(self.all)
        kind()
        if len(self.all) > before and self.all[-1].ended is None:
            self.is_over()
        for text in self.cluster.look_for_the_gone():
            self.note(text)

    def run(self, seconds):
        """Until the time is over; then everything is as it was, with one instance of each service."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping.wait(self.chance.uniform(1, 5)):
            kinds, weights = zip(*self.kinds)
            self.happen(self.chance.choices(kinds, weights)[0])
        self.end()

    def each_once(self, only=None):
        """Every kind once (or those of the names in `only`), in an order drawn by the seed."""
        kinds = [kind for kind, _ in self.kinds if kind != self.leave and (not only or kind.__name__ in only)]
        self.chance.shuffle(kinds)
        for kind in kinds:
            if self.stopping.wait(self.chance.uniform(0.5, 1.5)):
                break
            self.happen(kind)
        self.end()

    def end(self):
        while self.joined:
            self.happen(self.leave)

    def wait(self, seconds):
        self.stopping.wait(seconds * self.share)

    def lasts(self, seconds):
        return f"for {seconds * self.share:g} s"

    # Processes.

    def kill(self):
        one = self.chance.choice(self.cluster.running())
        self.begins(f"kill -9 {one.name}")
        self.cluster.kill(one)
        self.wait(self.chance.choice([0, 0, 1, 3]))
        self.cluster.launch(one.service, one.number)
        self.is_over()
        self.cluster.wait_ready(one)

    def pause(self):
        one = self.chance.choice(self.cluster.running())
        self.begins(f"SIGSTOP {one.name} {self.lasts(10)}")
        one.process.send_signal(signal.SIGSTOP)
        self.wait(10)
        one.process.send_signal(signal.SIGCONT)

    def join(self):
        """A second or third instance of a service; it also gets its share of the requests."""
        service = self.chance.choice(SERVICES)
        taken = {one.number for one in self.joined if one.service == service}
        free = [number for number in (1, 2) if number not in taken]
        if not free:
            return
        one = self.cluster.launch(service, free[0])
        self.begins(f"{one.name} joins")
        self.cluster.wait_ready(one)
        self.joined.append(one)
        self.cluster.route(service)

    def leave(self):
        if not self.joined:
            return
        one = self.joined.pop(self.chance.randrange(len(self.joined)))
        self.begins(f"SIGTERM {one.name}, which leaves")
        began = time.monotonic()
        for text in self.cluster.end([one]):
            self.note(text)
        if time.monotonic() - began > 5:
            self.note(f"{one.name} took {time.monotonic() - began:.1f} s to leave")
        self.cluster.route(one.service)

    # Stores.

    def restart_postgres(self):
        self.begins("PostgreSQL restarts (fast)")
        self.cluster.script("postgres.sh", "stop", "fast")
        self.cluster.script("postgres.sh", "start")

    def crash_postgres(self):
        self.begins("PostgreSQL crashes (immediate) and recovers")
        self.cluster.script("postgres.sh", "stop", "immediate")
        self.wait(self.chance.choice([0, 2]))
        self.cluster.script("postgres.sh", "start")

    def restart_kafka(self):
        self.begins("Kafka restarts")
        self.cluster.script("kafka.sh", "stop")
        self.cluster.script("kafka.sh", "start")
        self.cluster.wait_kafka()

    def crash_kafka(self):
        self.begins("kill -9 of Kafka, which starts again")
        self.end_kafka()
        self.cluster.script("kafka.sh", "start")
        self.cluster.wait_kafka()

    def end_kafka(self):
        pid = int((self.cluster.folder / "kafka" / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + KILLED_WITHIN
        while is_running(pid):
            if time.monotonic() > deadline:
                raise OSError(f"Kafka (process {pid}) still runs {KILLED_WITHIN} s after SIGKILL")
            time.sleep(0.05)

    def fill_disk(self):
        """Nothing more can be written to the log's disk; after a while there is room again."""
        self.begins(f"the disk of the log is full {self.lasts(10)}")
        self.cluster.ballast.fill()
        self.wait(10)
        self.cluster.ballast.remove()
        if self.cluster.log == KAFKA:
            # A broker without a disk ends by itself.
            self.cluster.script("kafka.sh", "stop")
            self.cluster.script("kafka.sh", "start")
            self.cluster.wait_kafka()

    # Time.

    def jump_clock(self):
        seconds = self.chance.choice([-3600, -60, 60, 3600])
        self.begins(f"the clock of every service jumps by {seconds / 60:+.0f} minutes {self.lasts(10)}")
        self.cluster.jump(seconds)
        self.wait(10)
        self.cluster.jump(0)

    # Network.

    def cut(self):
        name, seconds = self.chance.choice(self.cluster.links.names), self.chance.choice([2, 6, 10])
        mode = self.chance.choice(["silent", "silent", "refused"])
        self.begins(f"network {name} {'cut' if mode == 'silent' else 'refused'} {self.lasts(seconds)}")
        self.cluster.links.mode(name, mode)
        self.wait(seconds)
        self.cluster.links.mode(name, "open")

    def slow(self):
        name, delay = self.chance.choice(self.cluster.links.names), self.chance.choice([0.02, 0.1, 0.3])
        self.begins(f"network {name} slow by {delay * 1000:.0f} ms {self.lasts(8)}")
        self.cluster.links.mode(name, delay)
        self.wait(8)
        self.cluster.links.mode(name, "open")
