"""What the benchmarks make of what they measure."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("demo", "local")]
import processor  # noqa: E402
import visibility  # noqa: E402
from client import ApiError  # noqa: E402
from drive import Refused  # noqa: E402
from table import Table  # noqa: E402


def test_a_call_costs_all_that_was_used(monkeypatch):
    """Twenty parts of 1 µs are 20 µs, however small each is."""
    meter = processor.Meter.__new__(processor.Meter)
    meter.began, meter.generators = {pid: (f"part {pid}", 0) for pid in range(20)}, 0
    meter._read = lambda: {pid: (f"part {pid}", 1e-6) for pid in range(20)}
    monkeypatch.setattr(processor, "generators", lambda: 0)
    assert sum(meter.per_call(1).values()) == pytest.approx(20)


def measured(monkeypatch, get):
    """`visibility.measure` with one writer's twenty writes, whose reports `get` answers."""
    class Writers:
        def __init__(self, url, key, rate, heard):
            self.heard = heard

        def write(self, _):
            for count in range(20):
                self.heard(SimpleNamespace(headers={"X-Guanxi-Position": f"{count}:1"}), 0, count)
            return 200

    monkeypatch.setattr(visibility, "Writers", Writers)
    monkeypatch.setattr(visibility, "Api", lambda *_: SimpleNamespace(get=get))
    return visibility.measure("", "", 1)


def test_a_report_that_fails_is_no_missing_sample(monkeypatch):
    def get(_, waitFor):  # noqa: N803
        if waitFor == "10:1":
            raise ApiError("GET", 503, {"detail": "not yet"})

    with pytest.raises(Refused, match="1 of 2"):
        measured(monkeypatch, get)


def test_every_report_is_a_sample(monkeypatch):
    assert measured(monkeypatch, lambda *_, **__: None)["samples"] == 2


def test_a_figure_without_a_promise_is_neither_kept_nor_missed():
    table = Table()
    table.tell("told", 3)
    table.at_most("promised", 1, 2, "ms")
    table.at_most("missed", 3, 2, "ms")
    assert [row["what"] for row in table.kept] == ["promised"] and [row["what"] for row in table.missed] == ["missed"]
    assert "told" in str(table)
