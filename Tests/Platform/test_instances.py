"""Two instances of services on the same databases: they share the work, and what one does the other knows."""

import concurrent.futures
import os
import re
import subprocess

import pytest
from calls import ROOT, Caller, Platform, all_leads, wait_for
from system import SERVICES, environment, free_ports

TWICE = ("gateway", "leads", "analytics")


class Second:
    """A second instance of a service. The second gateway asks the second instances, where there are any; all else
    knows the first ones alone, as if they were the ones that a balancer had chosen."""

    def __init__(self, platform, service, first):
        system = platform.system
        self.port = first + SERVICES.index(service)
        self.internal = self.port + 1000
        urls = {}
        if service == "gateway":
            for other in TWICE[1:]:
                port = first + SERVICES.index(other)
                urls[f"GUANXI_{other.upper()}_URL"] = f"http://127.0.0.1:{port}"
                urls[f"GUANXI_{other.upper()}_INTERNAL_URL"] = f"http://127.0.0.1:{port + 1000}"
        self.log = open(system.folder / "log" / f"{service}-2.log", "wb")
        self.process = subprocess.Popen(
            [str(ROOT / ".build" / os.environ.get("GUANXI_BUILD", "release") / service),
             "--listen", f"127.0.0.1:{self.port}", "--internal-listen", f"127.0.0.1:{self.internal}"],
            env={**system.settings, **environment(system.folder / "services.env", {}), **urls}, stdout=self.log,
            stderr=self.log, start_new_session=True)

    def is_ready(self):
        assert self.process.poll() is None, f"it ended: see {self.log.name}"
        try:
            return Caller(self.internal).send("GET", "/health/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def platform():
    platform = Platform("instances-test")
    first = free_ports()
    platform.second = {service: Second(platform, service, first) for service in TWICE}
    for second in platform.second.values():
        wait_for(second.is_ready, 60)
    yield platform
    for second in platform.second.values():
        second.stop()
    platform.system.stop(keep=False)


@pytest.fixture(scope="module")
def api(platform):
    return platform.tenant("shared")


@pytest.fixture(scope="module")
def beside(platform, api):
    """The same key at the other gateway."""
    return Caller(platform.second["gateway"].port, api.key)


def metric(port, name):
    text = Caller(port).ok("GET", "/metrics").decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.M))


def both(platform, service):
    return platform.system.internal_port(service), platform.second[service].internal


def handled(port):
    """Requests that an instance answered on its public port."""
    return metric(port, "guanxi_http_requests_total")


def count(api, path="/v1/analytics/leads?groupBy=source"):
    return api.ok("GET", path)["total"]["created"]


def test_a_key_is_good_at_both_and_its_end_is_the_end_at_both(platform, api, beside):
    text = api.ok("POST", "/v1/token", b"grant_type=client_credentials",
                  Content_Type="application/x-www-form-urlencoded")["access_token"]
    for caller in (api, beside, Caller(api.port, text), Caller(beside.port, text)):
        assert caller.ok("GET", "/v1/me")["kind"] == "apiKey"
    key = platform.key("shared", "sales")
    there = Caller(beside.port, key.key)
    assert there.ok("GET", "/v1/me") and key.ok("GET", "/v1/me")
    api.ok("DELETE", f"/v1/api-keys/{key.id}")
    for caller in (there, key):
        wait_for(lambda: caller.send("GET", "/v1/me")[0] == 401)


def test_a_person_signed_in_at_one_is_signed_out_at_both(platform, api, beside):
    user = api.ok("POST", "/v1/users", {"login": "ming", "name": "Ming", "role": "sales"})
    reset = api.ok("POST", f"/v1/users/{user['id']}/password-reset", {})
    password = "a long enough password"
    Caller(beside.port).ok("POST", reset["url"], {"password": password})
    session = Caller(beside.port).ok(
        "POST", "/v1/sessions", {"tenant": "shared", "user": "ming", "password": password})
    here, there = (Caller(port, session["accessToken"]) for port in (api.port, beside.port))
    assert here.ok("GET", "/v1/me")["id"] == there.ok("GET", "/v1/me")["id"] == user["id"]
    here.ok("DELETE", "/v1/sessions/current")
    for caller in (here, there):
        wait_for(lambda: caller.send("GET", "/v1/me")[0] == 401)


def test_both_take_writes_share_the_outbox_and_every_event_is_counted_once(platform, api, beside):
    ports = both(platform, "leads")
    before = [handled(port) for port in ports]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def write(number):
            caller = (api, beside)[number % 2]
            return caller.ok("POST", "/v1/leads", {"company": f"Company {number}"})["id"]
        made = list(pool.map(write, range(200)))
    assert len(set(made)) == 200 and set(made) <= all_leads(beside)
    assert all(handled(port) > there for port, there in zip(ports, before)), "one instance answered everything"
    wait_for(lambda: count(api) == len(all_leads(api)), 60)
    assert all(metric(port, "guanxi_outbox_published_total") > 0 for port in ports), "one relay published everything"


def test_an_idempotency_key_has_one_effect_at_both(api, beside):
    def send(number):
        return (api, beside)[number % 2].send("POST", "/v1/leads", {"company": "Once"}, Idempotency_Key="the-one")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    assert {status for status, _, _ in answers} <= {201, 409} and 201 in {status for status, _, _ in answers}
    assert len({answer["id"] for status, _, answer in answers if status == 201}) == 1


def test_each_instance_converts_in_its_own_name(api, beside):
    def convert(number):
        caller = (api, beside)[number % 2]
        lead = caller.ok("POST", "/v1/leads", {"company": f"Customer {number}"})
        return wait_for(lambda: (answer := caller.ok("POST", f"/v1/leads/{lead['id']}/convert", {"opportunity": {}}))[
            "saga"]["status"] != "running" and answer, 60)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(convert, range(24)))
    assert {answer["saga"]["status"] for answer in done} == {"completed"}
    assert len({answer["opportunityId"] for answer in done}) == 24
    wait_for(lambda: count(api, "/v1/analytics/opportunities?groupBy=stage") == 24, 60)


def test_a_rebuild_stops_both_and_loses_nothing(platform, api, beside):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(api.ok, "POST", "/v1/leads", {"company": f"Meanwhile {number}"}) for number in range(80)]
        rebuilt = [platform.operator.ok("POST", "/v1/platform/analytics/rebuild") for _ in range(3)]
        for write in writes:
            write.result()
    assert all(answer["analytics"]["equal"] for answer in rebuilt), rebuilt
    wait_for(lambda: count(beside) == len(all_leads(beside)), 60)
    assert platform.operator.ok("GET", "/v1/platform/dead-letters")["analytics"]["items"] == []


def test_one_that_is_killed_leaves_its_work_to_the_other(platform, api, beside):
    for service in ("leads", "analytics"):
        platform.system.kill(service)
    assert api.send("GET", "/v1/leads")[0] == 503
    made = {beside.ok("POST", "/v1/leads", {"company": f"After {number}"})["id"] for number in range(40)}
    assert made <= all_leads(beside)
    wait_for(lambda: count(beside) == len(all_leads(beside)), 90)
