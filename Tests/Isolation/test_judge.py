"""The judge of the attempts: what it takes for an attempt, and what for one that got through."""

import pytest
from judge import Judge
from wire import Answer


@pytest.fixture
def judge():
    return Judge([])


def test_no_answer_is_a_finding(judge):
    judge.look("ids", "GET /v1/leads", Answer(0, [], "RemoteDisconnected"))
    assert [found[2] for found in judge.through] == ["no answer"]
    judge.look("ids", "GET /v1/leads", Answer(404, [], ""), allowed={404})
    assert len(judge.through) == 1


def test_looks_are_no_attempts(judge):
    judge.note("ids", "one", status=404)
    for number in range(100):
        judge.saw("log lines", f"line {number}")
    judge.find("ids", "one", "more about it")
    assert judge.attempts.total() == 1 and judge.looks.total() == 100 and len(judge.through) == 1
    assert "total" in judge.table()


def test_a_kind_that_yields_nothing_is_missed(judge):
    judge.note("ids", "one")
    judge.saw("events", "one")
    assert judge.too_few({"ids": 1, "events": 1}) == []
    assert judge.too_few({"ids": 2, "tokens": 1}) == [("ids", 1, 2), ("tokens", 0, 1)]
