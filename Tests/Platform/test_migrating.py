"""What `guanxi migrate` decides for the services: which event log they may use, and what they log in with."""

import base64
import hashlib
import hmac
import subprocess

import pytest
from calls import Platform, wait_for
from system import environment
from test_backup import BIN, guanxi, psql

REFUSED = "this installation's events are in the event log"


@pytest.fixture(scope="module")
def platform():
    platform = Platform("migrating-test", "postgres")
    yield platform
    platform.system.stop(keep=False)


class Service:
    """One that was stopped, started with another event log."""

    def __init__(self, platform, log, name="customers"):
        system = platform.system
        system.local("stop", name)
        port = system.internal_port(name)
        settings = {**system.settings, **environment(system.folder / "services.env", {}),
                    "GUANXI_EVENT_LOG": log, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        self.internal = platform.internal(name)
        self.process = subprocess.Popen(
            [str(BIN / name), "--listen", f"127.0.0.1:{port - 1000}", "--internal-listen", f"127.0.0.1:{port}"],
            env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def refusal(self):
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == 1 and said.count("\n") == 1, said
        return said

    def is_ready(self):
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            return self.internal.send("GET", "/health/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=60)
        return self.process.returncode


def remembered(platform):
    return psql(platform, "log", "select kind from shared.log_kind")


def test_another_event_log_is_refused_until_it_is_confirmed(platform):
    assert remembered(platform) == "postgres"
    said = Service(platform, "kafka").refusal()
    assert f"{REFUSED} postgres" in said and "GUANXI_EVENT_LOG=postgres" in said
    assert "Changing the event log" in said and "guanxi migrate --event-log kafka" in said
    # What is set for the services confirms nothing, as in a container that migrates before each start.
    platform.known["GUANXI_EVENT_LOG"] = "kafka"
    guanxi(platform, "migrate")
    del platform.known["GUANXI_EVENT_LOG"]
    assert REFUSED in Service(platform, "kafka").refusal()

    assert "event log: from now on kafka\n" in guanxi(platform, "migrate", "--event-log", "kafka")
    service = Service(platform, "kafka")
    wait_for(service.is_ready, 60)
    assert service.stop() == 0
    assert "guanxi migrate --event-log postgres" in Service(platform, "postgres").refusal()
    guanxi(platform, "migrate", "--event-log", "postgres")
    # Once more changes nothing.
    assert "from now on" not in guanxi(platform, "migrate", "--event-log", "postgres")
    platform.system.local("start", "customers")


def test_the_log_of_an_installation_from_before_it_was_remembered(platform):
    platform.tenant("before").ok("POST", "/v1/leads", {"company": "Before Ltd"})
    wait_for(lambda: psql(platform, "analytics", "select 1 from shared.inbox_offset limit 1"))
    platform.system.local("down")
    platform.system.local("stores")
    # Both may have been: the next start says which one it is.
    psql(platform, "log", "delete from shared.log_kind")
    guanxi(platform, "migrate")
    assert remembered(platform) == ""
    # Events were read, but not out of the embedded log.
    psql(platform, "log", "truncate shared.log_record, shared.log_partition, shared.log_group, shared.log_topic")
    guanxi(platform, "migrate")
    assert remembered(platform) == "kafka"
    guanxi(platform, "migrate", "--event-log", "postgres")
    platform.system.local("up")


def is_password(platform, login, password):
    """Whether a login has this password, by what PostgreSQL keeps of it."""
    kept = psql(platform, "leads", f"select rolpassword from pg_authid where rolname = '{login}'")
    _, parameters, keys = kept.split("$")
    rounds, salt = parameters.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return stored == base64.b64decode(keys.split(":")[0])


def test_services_log_in_with_what_they_were_given(platform):
    logins = ("guanxi_leads_app_1", "guanxi_log_app_1", "guanxi_analytics_relay")
    address = platform.known["GUANXI_DATABASE_URL"]
    platform.known["GUANXI_DATABASE_URL"] = address.replace("postgres@", "postgres:the-superusers@", 1)
    platform.known["GUANXI_SERVICES_PASSWORD"] = "the-services"
    guanxi(platform, "migrate")
    for login in logins:
        assert is_password(platform, login, "the-services") and not is_password(platform, login, "the-superusers")
    del platform.known["GUANXI_SERVICES_PASSWORD"]
    guanxi(platform, "migrate")
    assert all(is_password(platform, login, "the-superusers") for login in logins)
    platform.known["GUANXI_DATABASE_URL"] = address
