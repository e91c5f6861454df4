"""The figures as they come, and the table they end in."""

import statistics

PLAIN, RATIO = "{:,.1f} {}", "{:.0%}"
# What is said of a promise while it is measured and in the table; None is a figure without one.
WORDS = {True: ("ok", "yes"), False: ("SLOW", "NO"), None: ("", "")}


class Table:
    """Promises and what was measured; a figure whose promise is a ratio stands beside its floor."""

    def __init__(self):
        self.rows = []

    def ratio(self, what, rounds, promise, unit="/s"):
        """`rounds` has (measured, floor, the ratio of their processor times), taken in turn. The median of the ratios
        counts; the ratio of processor times stands beside it, since others on the machine do not change it."""
        ratio = statistics.median(got / floor for got, floor, _ in rounds)
        got, floor, cost = (statistics.median(column) for column in zip(*rounds))
        self._add(what, PLAIN.format(got, unit), PLAIN.format(floor, unit), RATIO.format(ratio),
                  f"at least {promise:.0%}", ratio >= promise, ratio, RATIO.format(cost))

    def at_least(self, what, got, promise, unit="", floor=None):
        self._add(what, PLAIN.format(got, unit), floor and PLAIN.format(floor, unit), None,
                  f"at least {PLAIN.format(promise, unit)}", got >= promise, got)

    def at_most(self, what, got, promise, unit, floor=None):
        self._add(what, PLAIN.format(got, unit), floor and PLAIN.format(floor, unit), None,
                  f"at most {PLAIN.format(promise, unit)}", got <= promise, got)

    def tell(self, what, got, unit=""):
        """A figure of which nothing is promised."""
        self._add(what, PLAIN.format(got, unit), None, None, "nothing", None, got)

    def _add(self, what, got, floor, ratio, promise, is_met, value, cost=None):
        row = {"what": what, "got": got, "floor": floor, "ratio": ratio, "cost": cost, "promise": promise,
               "met": is_met, "value": value}
        self.rows.append(row)
        beside = f" ({ratio} of {floor})" if ratio else ""
        print(f"  {WORDS[is_met][0]:<5}{what}: {got}{beside}, promised {promise}", flush=True)

    @property
    def missed(self):
        return [row for row in self.rows if row["met"] is False]

    @property
    def kept(self):
        return [row for row in self.rows if row["met"]]

    def __str__(self):
        head = ["figure", "measured", "floor", "ratio", "by processor time", "promise", "met"]
        rows = [[row["what"], row["got"], row["floor"] or "", row["ratio"] or "", row["cost"] or "", row["promise"],
                 WORDS[row["met"]][1]] for row in self.rows]
        widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
        lines = [head, ["-" * width for width in widths], *rows]
        return "\n".join(
            "| " + " | ".join(cell.rjust(width) if 1 <= column <= 4 else cell.ljust(width)
                              for column, (cell, width) in enumerate(zip(line, widths))) + " |" for line in lines)
