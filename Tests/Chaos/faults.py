"""What goes wrong. Each fault happens, lasts, is undone, and says in one line what it was."""

import os
import signal
import subprocess
import time
from pathlib import Path

from cluster import FAKETIME
from system import SERVICES

KAFKA, POSTGRES = "kafka", "postgres"


class Faults:
    """Draws faults by a seed and lets them happen one after the other. `share` shortens how long each lasts."""

    def __init__(self, cluster, chance, stopping, share=1.0):
        self.cluster, self.chance, self.stopping, self.share = cluster, chance, stopping, share
        self.happened, self.began = [], time.monotonic()
        self.joined = []
        self.kinds = [
            (self.kill, 5), (self.pause, 3), (self.restart_postgres, 2), (self.crash_postgres, 2),
            (self.join, 4), (self.leave, 3), (self.cut, 3), (self.slow, 2)]
        if cluster.log == KAFKA:
            self.kinds += [(self.restart_kafka, 2), (self.crash_kafka, 1)]
        if FAKETIME.exists():
            self.kinds.append((self.jump_clock, 2))
        if cluster.ballast:
            self.kinds.append((self.fill_disk, 2))

    def note(self, text):
        line = f"{time.monotonic() - self.began:6.1f} s  {text}"
        self.happened.append(line)
        print(f"  {line}", flush=True)

    def run(self, seconds):
        """Until the time is over; then everything is as it was, with one instance of each service."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping.wait(self.chance.uniform(1, 5)):
            kinds, weights = zip(*self.kinds)
            self.chance.choices(kinds, weights)[0]()
        self.end()

    def each_once(self, only=None):
        """Every kind once (or those of the names in `only`), in an order drawn by the seed."""
        kinds = [kind for kind, _ in self.kinds if kind != self.leave and (not only or kind.__name__ in only)]
        self.chance.shuffle(kinds)
        for kind in kinds:
            if self.stopping.wait(self.chance.uniform(0.5, 1.5)):
                break
            kind()
        self.end()

    def end(self):
        while self.joined:
            self.leave()

    def wait(self, seconds):
        self.stopping.wait(seconds * self.share)

    def lasts(self, seconds):
        return f"for {seconds * self.share:g} s"

    # Processes.

    def kill(self):
        one = self.chance.choice(self.cluster.running())
        self.note(f"kill -9 {one.name}")
        one.process.kill()
        one.process.wait()
        self.wait(self.chance.choice([0, 0, 1, 3]))
        self.back(one)

    def back(self, one):
        self.cluster.launch(one.service, one.number)
        self.cluster.wait_ready(one)

    def pause(self):
        one = self.chance.choice(self.cluster.running())
        self.note(f"SIGSTOP {one.name} {self.lasts(10)}")
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
        self.note(f"{one.name} joins")
        self.cluster.wait_ready(one)
        self.joined.append(one)
        self.cluster.route(service)

    def leave(self):
        if not self.joined:
            return
        one = self.joined.pop(self.chance.randrange(len(self.joined)))
        self.note(f"SIGTERM {one.name}, which leaves")
        began = time.monotonic()
        one.process.terminate()
        try:
            one.process.wait(12)
        except subprocess.TimeoutExpired:
            self.note(f"{one.name} did not end in 12 s")
            self.cluster.oddities.append(f"{one.name} did not end within 12 s of SIGTERM")
            one.process.kill()
            one.process.wait()
        if time.monotonic() - began > 5:
            self.note(f"{one.name} took {time.monotonic() - began:.1f} s to leave")
        self.cluster.route(one.service)

    # Stores.

    def restart_postgres(self):
        self.note("PostgreSQL restarts (fast)")
        self.cluster.script("postgres.sh", "stop", "fast")
        self.cluster.script("postgres.sh", "start")

    def crash_postgres(self):
        self.note("PostgreSQL crashes (immediate) and recovers")
        self.cluster.script("postgres.sh", "stop", "immediate")
        self.wait(self.chance.choice([0, 2]))
        self.cluster.script("postgres.sh", "start")

    def restart_kafka(self):
        self.note("Kafka restarts")
        self.cluster.script("kafka.sh", "stop")
        self.cluster.script("kafka.sh", "start")
        self.cluster.wait_kafka()

    def crash_kafka(self):
        self.note("kill -9 of Kafka, which starts again")
        self.end_kafka()
        self.cluster.script("kafka.sh", "start")
        self.cluster.wait_kafka()

    def end_kafka(self):
        pid = int((self.cluster.folder / "kafka" / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.05)

    def fill_disk(self):
        """Nothing more can be written to the log's disk; after a while there is room again."""
        self.note(f"the disk of the log is full {self.lasts(10)}")
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
        self.note(f"the clock of every service jumps by {seconds / 60:+.0f} minutes {self.lasts(10)}")
        self.cluster.jump(seconds)
        self.wait(10)
        self.cluster.jump(0)

    # Network.

    def cut(self):
        name, seconds = self.chance.choice(self.cluster.links.names), self.chance.choice([2, 6, 10])
        mode = self.chance.choice(["silent", "silent", "refused"])
        self.note(f"network {name.replace('-', ' ⇹ ')} {'cut' if mode == 'silent' else 'refused'} {self.lasts(seconds)}")
        self.cluster.links.mode(name, mode)
        self.wait(seconds)
        self.cluster.links.mode(name, "open")

    def slow(self):
        name, delay = self.chance.choice(self.cluster.links.names), self.chance.choice([0.02, 0.1, 0.3])
        self.note(f"network {name.replace('-', ' ⇹ ')} slow by {delay * 1000:.0f} ms {self.lasts(8)}")
        self.cluster.links.mode(name, delay)
        self.wait(8)
        self.cluster.links.mode(name, "open")
