"""More than can be done, slowly and oddly: who was let in keeps what was acknowledged, the rest is told when to come again,
and the others are served. The short form of `make overload`; no time decides here."""

import subprocess
import sys

import pytest
from calls import ROOT, Caller, Platform, wait_for

sys.path.insert(0, str(ROOT / "Tests" / "Overload"))
import crowd  # noqa: E402
import scenes  # noqa: E402


@pytest.fixture(scope="module")
def world():
    platform = Platform("overload-test")
    try:
        yield scenes.World(platform, 6)
    finally:
        platform.system.stop(keep=False)


def test_the_long_form_says_what_it_does():
    """It finds its modules, of which another folder has one of the same name."""
    shown = subprocess.run([sys.executable, str(ROOT / "Tests" / "Overload" / "overload.py"), "--help"],
                           capture_output=True, text=True, check=True)
    assert "--rows" in shown.stdout


def statuses(answers):
    return {answer.status for answer in answers}


def test_what_is_too_much_is_turned_away_with_a_time_and_what_is_let_in_is_kept(world):
    """All at once: at most a few hundred of them run or wait."""
    seen = scenes.flood(world, 4000, 2, most=900)
    assert seen["others"] == [] and seen["rude"] == []
    assert seen["accepted"] and seen["refused"]
    assert world.missing(seen["accepted"]) == set()
    told = [answer.json() for answer in seen["refused"] if answer.status == 503]
    assert told and [problem for problem in told if problem["code"] != "overloaded"] == []
    # It is over when it is over.
    assert statuses(scenes.others_work(world, 1)) == {201}


def test_a_tenant_with_very_many_requests_leaves_room_for_another(world):
    """The one sends far more than fits, all the time; the other's few requests at a time are let in."""
    import asyncio

    def many(number):
        return crowd.request("GET", "/v1/leads?limit=100", world.keys[0])

    def few(number):
        return crowd.request("GET", "/v1/leads?limit=1", world.keys[1])

    async def both():
        flood = asyncio.ensure_future(crowd.closed(world.port, 700, 4, many))
        await asyncio.sleep(1)
        served = await crowd.closed(world.port, 2, 2, few)
        return served, await flood

    served, crowded = asyncio.run(both())
    assert 503 in statuses(crowded), "this was no crowd"
    # Of its own it has two at a time, fewer than its share: it waits for one of the other's to end, which is short.
    assert sum(answer.status == 200 for answer in served) > 0.9 * len(served), statuses(served)


def test_idle_connections_beyond_the_limit_make_room_for_the_others(world):
    with scenes.Idle(world, 10_000):
        assert statuses(scenes.others_work(world, 2)) == {201}


def test_slow_senders_hold_no_place(world):
    """More slow bodies than there are places, with a proven caller."""
    with scenes.Slow(world, 200, 400):
        assert statuses(scenes.others_work(world, 2)) == {201}


def test_odd_requests_are_refused_and_nothing_is_unpacked(world):
    found, _ = scenes.odd_requests(world)
    assert found == {
        "20 kB of headers": 431, "200 headers": 431, "a target of 10 kB": 414, "a bomb of gzip": 415,
        "a bomb for an import": 415, "a body of 100 MB": 413}


def test_an_import_goes_on_beside_others_and_ends(world):
    job = scenes.import_file(world, 2000)
    answers, unsent = scenes.steady(world, 3, rate=20)
    assert statuses(answers) <= {200, 201} and unsent == 0
    wait_for(lambda: scenes.import_state(world, job)["status"] == "done", 120)
    found = Caller(world.port, world.keys[0]).ok("GET", "/v1/leads?q=import&limit=1")
    assert found["items"]
