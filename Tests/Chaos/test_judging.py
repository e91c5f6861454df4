"""What chaos finds wrong is found: each of its judgements, on a fault made for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path[:0] = [
    str(Path(__file__).parents[1] / "RealData"), str(Path(__file__).parents[2] / "deploy" / "demo")]
import chaos  # noqa: E402, F401  its imports are tried, too
import cluster  # noqa: E402
import faults  # noqa: E402
from checker import Checker  # noqa: E402
from driver import Journal, Step, oddity  # noqa: E402
from waits import Waits  # noqa: E402


# Answers


@pytest.mark.parametrize("status, headers", [
    (500, {}), (501, {}), (504, {"Retry-After": "1"}), (503, {}), (429, {})])
def test_an_answer_that_no_fault_excuses_is_odd(status, headers):
    journal = Journal()
    journal.answered("POST", "/v1/leads", status, headers, None)
    assert oddity(status, headers) and str(status) in journal.oddities[0]
    assert journal.answers[status] == 1


@pytest.mark.parametrize("status, headers", [
    (None, {}), (201, {}), (409, {}), (502, {}), (503, {"Retry-After": "1"}), (429, {"Retry-After": "1"})])
def test_an_answer_that_a_fault_excuses_is_not(status, headers):
    assert oddity(status, headers) is None


# Times


def step(tenant, began, ended, outcome="acked"):
    return Step(0, tenant, "lead.create", "POST", "/", None, "", began=began, ended=ended, outcome=outcome)


def test_recovery_runs_from_the_end_of_a_fault_to_the_last_tenants_first_write():
    fault = faults.Fault("kill -9 leads", 10, 12)
    steps = [step("a", 9, 11), step("a", 12, 12.5), step("a", 15, 19), step("b", 11, 13.5), step("b", 12, 12.1, "refused")]
    assert Waits([fault], steps, ["a", "b"]).slowest_recovery() == (1.5, "kill -9 leads")


def test_another_fault_meanwhile_is_not_counted_and_the_slowest_is_named():
    first, second = faults.Fault("first", 10, 12), faults.Fault("second", 13, 17)
    waits = Waits([first, second], [step("a", 11, 18)], ["a"])
    assert waits.recovery(first) == 2 and waits.recovery(second) == 1
    assert waits.slowest_recovery() == (2, "first")
    assert waits.longest() == 7 and waits.longest_outside()[0] == 2


def test_a_tenant_that_never_writes_again_has_not_recovered():
    waits = Waits([faults.Fault("a cut", 1, 2)], [step("a", 1, 3)], ["a", "b"])
    assert waits.slowest_recovery()[0] == float("inf")


# Conversions


def checker_of(leads, contacts, steps=()):
    checker = Checker(
        SimpleNamespace(psql=lambda database, _: list(steps) if "customers" in database else []), ["t"], Journal(), None)
    checker.rows = {("leads", "leads", "t"): leads, ("customers", "contacts", "t"): contacts}
    return checker


def test_a_contact_is_of_one_converted_lead():
    lead = {"status": "converted", "contact_id": "c1"}
    assert checker_of({"l1": lead}, {"c1": {}}).contacts("t") == []
    doubled = checker_of({"l1": lead}, {"c1": {}, "c2": {}}).contacts("t")
    assert doubled == ["contact c2 belongs to 0 converted leads"]
    assert checker_of({"l1": lead, "l2": lead}, {"c1": {}}).contacts("t") == ["contact c1 belongs to 2 converted leads"]


def test_what_a_step_made_is_its_leads():
    sagas, leads = {"s": ["s", "l1", "completed", ""]}, {"l1": {"contact_id": "c1"}}
    assert checker_of(leads, {}, [["s", "contact", "c1"]]).steps_of_sagas("t", sagas) == []
    assert "c2" in checker_of(leads, {}, [["s", "contact", "c2"]]).steps_of_sagas("t", sagas)[0]


# Processes


@pytest.fixture
def services(monkeypatch):
    """Makes an installation of processes that do what they are told; ends what is left of them."""
    monkeypatch.setattr(cluster, "ENDS_WITHIN", 1)
    started = []

    def make(script):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        started.append(process)
        one = cluster.Instance("leads", 0, 1)
        one.process = process
        installation = cluster.Cluster.__new__(cluster.Cluster)
        installation.instances, installation.oddities, installation.logs = {("leads", 0): one}, [], "log"
        return installation, one

    yield make
    for process in started:
        process.kill()
        process.wait()


ON_SIGTERM = "import signal, sys, time; signal.signal(15, {}); print(flush=True); time.sleep(60)"


def test_who_is_gone_without_having_been_killed_is_found_once(services):
    installation, one = services("raise SystemExit(3)")
    one.process.wait()
    assert "leads ended by itself, with 3" in installation.look_for_the_gone()[0]
    installation.end_services()
    assert len(installation.oddities) == 1


def test_who_was_killed_is_no_loss(services):
    installation, one = services("import time; time.sleep(60)")
    installation.kill(one)
    assert installation.look_for_the_gone() == [] and installation.oddities == []


@pytest.mark.parametrize("handler, wrong", [
    ("lambda *_: sys.exit(0)", None), ("lambda *_: sys.exit(1)", "leads ended with 1 after SIGTERM"),
    ("signal.SIG_DFL", "leads ended with -15 after SIGTERM"),
    ("signal.SIG_IGN", "leads did not end within 1 s of SIGTERM")])
def test_who_is_told_to_end_ends_well(services, handler, wrong):
    installation, one = services(ON_SIGTERM.format(handler))
    one.process.stdout.readline()
    installation.end_services()
    assert installation.oddities == ([wrong] if wrong else [])
    assert not one.is_running()


def test_a_broker_that_nobody_has_looked_after_is_gone_all_the_same(tmp_path):
    process = subprocess.Popen(["sleep", "60"])  # a zombie, once it is killed
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "pid").write_text(str(process.pid))
    breaking = faults.Faults.__new__(faults.Faults)
    breaking.cluster = SimpleNamespace(folder=tmp_path)
    began = time.monotonic()
    breaking.end_kafka()
    assert time.monotonic() - began < 10
    process.wait()


def test_whoever_ends_chaos_ends_what_it_started(tmp_path):
    script = f"""
import sys, time
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
import chaos
chaos.Cluster.__init__ = lambda self, *_, **__: None
chaos.Cluster.stop = lambda self, keep: open({str(tmp_path / 'stopped')!r}, "w").close()
chaos.Run.all = lambda self: (print("runs", flush=True), time.sleep(60))
sys.argv = ["chaos.py", "--runs", "postgres:1"]
chaos.main()
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "runs\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM
    assert (tmp_path / "stopped").exists()


# What a machine cannot do


def test_what_is_left_out_is_known(monkeypatch, tmp_path):
    monkeypatch.setattr(faults, "FAKETIME", tmp_path / "absent")
    installation = SimpleNamespace(log="postgres", ballast=None, no_ballast="only root may mount a small one")
    left_out = faults.Faults(installation, None, None).left_out
    assert left_out.keys() == {"jump_clock", "fill_disk"} and "only root" in left_out["fill_disk"]
