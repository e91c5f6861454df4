"""How soon each service is ready from a warm database, and how much memory it holds when idle."""

import http.client
import threading
import time
from pathlib import Path


def is_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def process_start(pid):
    """When a process was started, on the clock of `CLOCK_BOOTTIME`."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return int(ticks) / 100


def ready_seconds(system, service):
    """From the start of the process to its first "ready"."""
    system.local("stop", service)
    port, seen = system.internal_port(service), []

    def watch():
        while not is_ready(port):
            time.sleep(0.005)
        seen.append(time.clock_gettime(time.CLOCK_BOOTTIME))

    watcher = threading.Thread(target=watch)
    watcher.start()
    system.local("start", service)
    watcher.join()
    return seen[0] - process_start(system.pid(service))


def resident_megabytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
