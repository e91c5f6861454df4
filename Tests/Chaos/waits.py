"""How long writes waited, and how long after each fault until they went on."""

import time


class Waits:
    """Of `faults` (Fault) and what was written (Step) meanwhile. Time in which another fault goes on counts as its own:
    nobody recovers from two at once."""

    def __init__(self, faults, steps, tenants):
        self.faults, self.steps, self.tenants = faults, steps, tenants

    def wait_for_writes(self, seconds):
        """Until every tenant has written after the last fault, or for so long."""
        deadline = time.monotonic() + seconds
        while self.faults and self.recovery(self.faults[-1]) == float("inf") and time.monotonic() < deadline:
            time.sleep(0.1)

    def recovery(self, fault):
        """Seconds from the end of a fault until every tenant had a write acknowledged."""
        first = {}
        for step in list(self.steps):
            if step.outcome == "acked" and step.ended >= fault.ended:
                first[step.tenant] = min(step.ended, first.get(step.tenant, step.ended))
        if first.keys() < set(self.tenants):
            return float("inf")
        return max(self.outside(fault.ended, ended) for ended in first.values())

    def slowest_recovery(self):
        """(seconds, what the fault was)"""
        return max(((self.recovery(fault), fault.text) for fault in self.faults), default=(0.0, ""))

    def longest(self):
        return max((step.ended - step.began for step in self.steps if step.ended), default=0.0)

    def longest_outside(self):
        """(seconds, step) of the one that took longest besides the time that faults lasted."""
        return max(
            ((self.outside(step.began, step.ended), step) for step in self.steps if step.ended),
            key=lambda pair: pair[0], default=(0.0, None))

    def outside(self, began, ended):
        """How much of a time no fault went on."""
        covered = sum(
            max(0.0, min(ended, fault.ended) - max(began, fault.began)) for fault in self.faults if fault.ended)
        return ended - began - covered
