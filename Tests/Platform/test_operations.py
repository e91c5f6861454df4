"""What operators lean on, from outside: the tool `guanxi`, logs and traces, health, metrics, services that drain."""

import csv
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from system import SERVICES, System, environment as settings  # noqa: E402

BIN = ROOT / ".build" / os.environ.setdefault("GUANXI_BUILD", "debug")


@pytest.fixture(scope="module")
def system():
    system = System("operations-test", "postgres")
    # Each answer and each applied event is in the log.
    system.settings["GUANXI_LOG_LEVEL"] = "debug"
    system.start()
    system.known = system.environment()
    yield system
    system.stop(keep=False)


def guanxi(system, *words, code=0, typed=None):
    """Runs the tool as a shell would; answers (stdout, stderr)."""
    done = subprocess.run(
        [str(BIN / "guanxi"), *words], env=system.known, text=True, input=typed, capture_output=True, timeout=120)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def answer(system, *words, code=0):
    return json.loads(guanxi(system, *words, "--json", code=code)[0])


def call(system, method, path, body=None, key=None, **headers):
    """(status, decoded body) of the public port."""
    connection = http.client.HTTPConnection("127.0.0.1", int(system.known["GUANXI_PORT"]), timeout=30)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["Authorization"] = f"Bearer {key or system.known['GUANXI_OPERATOR_KEY']}"
    content = None if body is None else json.dumps(body).encode()
    connection.request(method, path, content, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if text else None


def internal(system, service, path):
    connection = http.client.HTTPConnection("127.0.0.1", system.internal_port(service), timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def log(system, service):
    """Every line of a service's log; one that is no JSON object fails the test."""
    return [json.loads(line) for line in (system.folder / "log" / f"{service}.log").read_text().splitlines()]


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come to be in time")


@pytest.fixture(scope="module")
def tenant(system):
    """A tenant made by the tool, and a key of its administrator."""
    made = answer(system, "tenant", "create", "works", "--name", "东方工程", "--time-zone", "UTC", "--currency", "USD")
    assert made["status"] == "active"
    key = answer(system, "api-key", "create", "--tenant", "works", "--role", "admin", "--name", "test")["key"]
    return {"id": made["id"], "key": key}


# MARK: the tool

def test_tenants_live_and_die(system, tenant):
    guanxi(system, "tenant", "create", "brief", "--name", "Brief")
    table = guanxi(system, "tenant", "list")[0].splitlines()
    assert table[0].split()[:3] == ["SLUG", "NAME", "STATUS"]
    assert [line.split()[0] for line in table[1:]] == ["brief", "works"]
    # Chinese characters are as wide as two of the others.
    status = {line.split()[0]: width(line[:line.index("active")]) for line in table[1:]}
    assert len(set(status.values())) == 1
    assert answer(system, "tenant", "suspend", "brief")["status"] == "suspended"
    refused = guanxi(system, "user", "list", "--tenant", "brief", code=1)[1]
    assert "suspended" in refused
    assert answer(system, "tenant", "resume", "brief")["status"] == "active"
    # Every service took it back.
    key = wait_for(lambda: answer(system, "api-key", "create", "-t", "brief", "-r", "admin").get("key"))
    for path in ("/v1/leads", "/v1/opportunities", "/v1/accounts", "/v1/analytics/leads"):
        wait_for(lambda path=path: call(system, "GET", path, key=key)[0] == 200)
    # Nobody is there to be asked.
    asked = guanxi(system, "tenant", "delete", "brief", code=2, typed="")[1]
    assert "--yes" in asked
    assert "brief" in guanxi(system, "tenant", "delete", "brief", "--yes")[0]
    assert [item["slug"] for item in answer(system, "tenant", "list")["items"]] == ["works"]
    gone = guanxi(system, "tenant", "suspend", "brief", code=1)[1]
    assert gone == 'guanxi: there is no tenant "brief": guanxi tenant list shows those that are\n'


def width(text):
    return sum(2 if "一" <= character <= "鿿" else 1 for character in text)


def test_users_get_passwords_and_lose_their_way_in(system, tenant):
    made = answer(system, "user", "create", "li.wei", "-t", "works", "-r", "sales", "--name", "李伟")
    assert made["user"]["login"] == "li.wei"
    reset = {"token": made["passwordReset"]["token"], "password": "correct horse battery"}
    status, _ = call(system, "POST", "/v1/password-resets", reset)
    assert status == 204
    login = {"tenant": "works", "user": "li.wei", "password": "correct horse battery"}
    status, session = call(system, "POST", "/v1/sessions", login)
    assert status in (200, 201), session
    text = guanxi(system, "user", "reset-password", "li.wei", "-t", "works")[0]
    assert "/password-reset#gxp_" in text
    assert answer(system, "user", "deactivate", "li.wei", "-t", "works")["status"] == "inactive"
    assert call(system, "POST", "/v1/sessions", login)[0] == 401
    assert answer(system, "user", "reactivate", "li.wei", "-t", "works")["status"] == "active"
    listed = answer(system, "user", "list", "-t", "works")["items"]
    assert [user["login"] for user in listed] == ["li.wei"]
    assert "guanxi user list" in guanxi(system, "user", "deactivate", "nobody", "-t", "works", code=1)[1]


def test_keys_are_made_and_revoked(system, tenant):
    made = answer(system, "api-key", "create", "-t", "works", "-r", "sales", "--name", "site", "--scope", "leads.write")
    assert call(system, "POST", "/v1/leads", {"company": "By a key"}, key=made["key"])[0] == 201
    names = [key["name"] for key in answer(system, "api-key", "list", "-t", "works")["items"]]
    assert names.count("site") == 1 and not any("temporary" in name for name in names)
    guanxi(system, "api-key", "revoke", made["id"], "-t", "works")
    wait_for(lambda: call(system, "GET", "/v1/me", key=made["key"])[0] == 401)
    assert "site" not in guanxi(system, "api-key", "list", "-t", "works")[0]
    assert "site" in guanxi(system, "api-key", "list", "-t", "works", "--all")[0]
    # What the tool made for itself is revoked, too.
    everything = call(system, "GET", "/v1/api-keys?limit=500", key=tenant["key"])[1]["items"]
    temporary = [key for key in everything if "temporary" in key["name"]]
    assert temporary and all(key["revokedAt"] for key in temporary[:-1])
    assert "guanxi api-key list" in guanxi(
        system, "api-key", "revoke", str(uuid.uuid4()), "-t", "works", code=1)[1]


def test_status_and_letters_say_what_there_is(system, tenant):
    status = answer(system, "status")
    assert list(sorted(status)) == sorted(SERVICES)
    assert all(part["outbox"]["depth"] >= 0 and "error" not in part for part in status.values())
    lines = guanxi(system, "status")[0].splitlines()
    assert [line.split()[0] for line in lines[1:6]] == list(SERVICES)
    assert guanxi(system, "dead-letters", "list")[0] == "No event is parked.\n"
    assert answer(system, "dead-letters", "list", "--tenant", "works") == {"items": []}
    assert "has no letter 7" in guanxi(system, "dead-letters", "show", "leads", "7", code=1)[1]
    assert "has no letter 7" in guanxi(system, "dead-letters", "redrive", "analytics", "7", code=1)[1]
    assert "service is one of gateway, leads" in guanxi(system, "dead-letters", "redrive", "crm", code=1)[1]
    guanxi(system, "dead-letters", "redrive")
    assert "embedded" in guanxi(system, "topics", "apply")[0]
    nothing_new = guanxi(system, "migrate", "--database-url", system.database("postgres"))[0]
    assert "done: 0 migrations, 0 tenants" in nothing_new


def test_reports_are_shown_and_rebuilt(system, tenant):
    call(system, "POST", "/v1/leads", {"company": "Reported", "source": "展会"}, key=tenant["key"])
    wait_for(lambda: any(
        group["key"] == "展会" for group in answer(system, "analytics", "report", "leads", "-g", "source", "-t", "works")
        ["groups"]))
    lines = guanxi(system, "analytics", "report", "leads", "-g", "source", "-t", "works")[0].splitlines()
    assert lines[0].split("  ")[0] == "SOURCE" and lines[-1].startswith("as of ")
    assert "--yes" in guanxi(system, "analytics", "rebuild", code=2, typed="")[1]
    assert "every figure is the same" in guanxi(system, "analytics", "rebuild", "--yes")[0]
    wrong = guanxi(system, "analytics", "report", "leads", "-g", "colour", "-t", "works", code=1)[1]
    assert wrong.count("source") == 1


def test_a_file_is_imported_once_whatever_happens_to_the_tool(system, tenant, tmp_path):
    file = tmp_path / "客户线索.csv"
    rows = [f"{n},公司 {n},{'x' if n % 100 == 7 else f'a{n}@example.com'},skipped" for n in range(3000)]
    file.write_text("\n".join(["编号,company,email,备注", *rows]) + "\n", encoding="gb18030")
    words = ["import", "leads", str(file), "-t", "works", "--map", "编号=externalId", "--map", "备注="]
    results = tmp_path / "客户线索.results.csv"

    tool = subprocess.Popen(
        [str(BIN / "guanxi"), *words], env=system.known, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    note = Path(f"{results}.job")
    wait_for(lambda: (note.exists() and '"job"' in note.read_text()) or tool.poll() is not None)
    tool.send_signal(signal.SIGINT)
    tool.communicate(timeout=60)
    # Stopped in the middle, or just done: the same command ends well in either case, and nothing is doubled.
    assert tool.returncode in (130, 1)
    if tool.returncode == 130:
        assert not results.exists()
        out, err = guanxi(system, *words, code=1)
        assert "goes on with import" in err
        assert "3000 rows: 2970 created, 0 were there already, 30 refused" in out
        assert not note.exists()
    found = list(csv.DictReader(results.read_text("utf-8-sig").splitlines()))
    assert [int(row["line"]) for row in found] == list(range(2, 3002))
    assert {row["status"] for row in found} == {"created", "refused"}
    bad = [row for row in found if row["status"] == "refused"]
    assert len(bad) == 30 and all("email" in row["message"] and row["code"] for row in bad)
    assert all(row["id"] for row in found if row["status"] == "created")
    again = answer(system, *words, code=1)
    assert (again["created"], again["existing"], again["refused"]) == (0, 2970, 30)


@pytest.mark.parametrize("moment", ["before it is sent", "while it is received", "when it is there"])
def test_a_file_is_imported_once_though_the_tool_is_killed(system, tenant, tmp_path, moment):
    """Rows without an identity: sent twice they would be two."""
    words = moment.replace(" ", "-")
    file = tmp_path / f"{words}.csv"
    file.write_text("company,region\n" + "".join(f"Killed {words} {n},{words}\n" for n in range(1000)))
    command = ["import", "leads", str(file), "-t", "works"]
    schema = psql(system, "guanxi_leads", "select 't_' || id from shared.tenants where slug = 'works'")
    note = tmp_path / f"{words}.results.csv.job"

    def jobs(status):
        return int(psql(system, "guanxi_leads", f"select count(*) from {schema}.imports where status {status}"))

    before = jobs("<> 'receiving'")
    reached = {
        "before it is sent": note.exists,
        "while it is received": lambda: jobs("= 'receiving'") > 0,
        "when it is there": lambda: jobs("<> 'receiving'") > before,
    }[moment]
    tool = subprocess.Popen([str(BIN / "guanxi"), *command], env=system.known, text=True, stderr=subprocess.DEVNULL)
    # It may be faster than the look: then it was not killed, and the file is there, once, all the same.
    wait_for(lambda: reached() or tool.poll() is not None)
    tool.kill()
    if tool.wait() != 0:
        assert "1000 rows: 1000 created" in guanxi(system, *command)[0]
    count = f"select count(*) from {schema}.leads where company like 'Killed {words} %'"
    assert psql(system, "guanxi_leads", count) == "1000"
    assert jobs("<> 'receiving'") == before + 1 and not note.exists()


def test_a_file_of_json_lines_is_imported(system, tenant, tmp_path):
    file = tmp_path / "contacts.ndjson"
    file.write_text('{"name": "王芳", "externalSystem": "s", "externalId": "1"}\n\n{"name": 7}\n')
    out, err = guanxi(system, "import", "contacts", str(file), "-t", "works", code=1)
    assert "2 rows: 1 created, 0 were there already, 1 refused" in out
    assert err.splitlines()[-2].startswith("line 3: ")
    assert "takes no rows" in guanxi(system, "import", "nothing", str(file), "-t", "works", code=2)[1]


def test_json_lines_that_nothing_tells_apart_are_made_once(system, tenant, tmp_path):
    file = tmp_path / "twice.ndjson"
    file.write_text("".join(f'{{"company": "Twice {n}", "source": "twice"}}\n' for n in range(50)))
    table = f"t_{tenant['id']}.leads"

    def stored():
        return int(psql(system, "guanxi_leads", f"select count(*) from {table} where source = 'twice'"))

    command = ["import", "leads", str(file), "-t", "works", "--batch", "20"]
    for _ in range(2):
        assert "50 rows: 50 created, 0 were there already, 0 refused" in guanxi(system, *command)[0]
        assert stored() == 50
    assert "another --batch" in guanxi(system, *command[:-1], "30", code=1)[1]
    guanxi(system, *command, "--again")
    assert stored() == 100


def test_json_lines_are_imported_once_though_the_connection_breaks(system, tenant, tmp_path):
    """Rows that nothing tells apart: only the batch's Idempotency-Key says that they are there already."""
    file = tmp_path / "leads.ndjson"
    file.write_text("".join(f'{{"company": "Cut {n}", "source": "cut"}}\n' for n in range(8000)))
    table = f"t_{tenant['id']}.leads"

    def stored():
        return int(psql(system, "guanxi_leads", f"select count(*) from {table} where source = 'cut'"))

    tool = subprocess.Popen(
        [str(BIN / "guanxi"), "import", "leads", str(file), "-t", "works", "--batch", "4000"],
        env=system.known, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # In the middle of a batch: some of its rows are committed, and nobody was told so.
    wait_for(lambda: stored() % 4000 or tool.poll() is not None)
    assert tool.poll() is None, tool.communicate()
    system.kill("gateway")
    system.restart("gateway")
    out, err = tool.communicate(timeout=120)
    assert tool.returncode == 0, out + err
    assert "8000 rows: 8000 created, 0 were there already, 0 refused" in out
    assert stored() == 8000


def test_a_reader_that_goes_away_is_no_failure(system, tenant):
    tool = subprocess.Popen(
        [str(BIN / "guanxi"), "status", "--json"], env=system.known, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    tool.stdout.close()
    assert tool.stderr.read() == b""
    assert tool.wait(timeout=60) == 0


def test_a_poison_event_is_shown_and_driven_again(system, tenant):
    """Its record is damaged in the log; mended where it is parked, it and what waits behind it are applied."""
    system.kill("analytics")
    lead = call(system, "POST", "/v1/leads", {"company": "Poison", "source": "poison"}, key=tenant["key"])[1]
    where = f"key like '%/{lead['id']}'"
    wait_for(lambda: psql(system, "guanxi_log", f"select 1 from shared.log_record where {where}"))
    # Whoever has read it has it whole: it is spoilt for the reports alone.
    wait_for(lambda: lags(system, "customers") == {0})
    good = psql(system, "guanxi_log", f"select encode(body, 'hex') from shared.log_record where {where}")
    psql(system, "guanxi_log", f"update shared.log_record set body = '{{' where {where}")
    system.restart("analytics")
    assert call(system, "PATCH", f"/v1/leads/{lead['id']}", {"person": "Later"}, key=tenant["key"])[0] == 200
    letters = wait_for(lambda: both(answer(system, "dead-letters", "list", "--tenant", "works")["items"]))
    poison, waiting = letters
    assert (poison["type"], poison["state"], waiting["state"]) == ("lead.created", "poison", "waiting")
    assert poison["service"] == "analytics" and poison["reason"]
    table = guanxi(system, "dead-letters", "list")[0].splitlines()
    assert table[0].split()[:2] == ["SERVICE", "ID"] and len(table) == 3
    shown = answer(system, "dead-letters", "show", "analytics", str(poison["id"]))
    assert shown["aggregate"] == f"lead/{lead['id']}" and shown["tenant"] == tenant["id"]
    status = answer(system, "status")["analytics"]["consumers"][0]
    assert status["parked"] >= 2 and not status["isStalled"]

    assert "stay parked" in guanxi(system, "dead-letters", "redrive", "analytics", code=1)[1]
    psql(system, "guanxi_analytics", f"update shared.dead_letter set body = '\\x{good}' where id = {poison['id']}")
    redriven = answer(system, "dead-letters", "redrive", "analytics", str(poison["id"]))
    assert redriven["analytics"]["applied"] == 2 and redriven["analytics"]["remaining"] == 0
    assert guanxi(system, "dead-letters", "list")[0] == "No event is parked.\n"
    groups = answer(system, "analytics", "report", "leads", "-g", "source", "-t", "works")["groups"]
    assert [group["created"] for group in groups if group["key"] == "poison"] == [1]


def lags(system, service):
    """Of each consumer group of a service: how many events of the log it has not applied."""
    lines = internal(system, service, "/metrics")[1].splitlines()
    return {float(line.split()[-1]) for line in lines if line.startswith("guanxi_consumer_lag{")}


def both(letters):
    return letters if len(letters) == 2 else None


def psql(system, database, statement):
    return subprocess.run(
        ["/usr/lib/postgresql/15/bin/psql", "-XAtc", statement, system.database(database)],
        capture_output=True, text=True, check=True).stdout.strip()


# MARK: logs, traces, health, metrics

def test_a_trace_goes_through_every_service_and_the_event(system, tenant):
    trace = uuid.uuid4().hex
    status, lead = call(
        system, "POST", "/v1/leads", {"company": "Traced"}, key=tenant["key"],
        traceparent=f"00-{trace}-00f067aa0ba902b7-01", X_Request_Id="trace-test")
    assert status == 201
    event = wait_for(lambda: json_event(system, lead["id"]))
    assert event["ce_traceparent"].split("-")[1] == trace
    assert event["ce_type"] == "lead.created" and event["ce_tenantid"] == tenant["id"]

    for service, message in [
            ("gateway", "request answered"), ("leads", "request answered"), ("analytics", "event applied")]:
        line = wait_for(lambda: [  # noqa: B023
            line for line in log(system, service) if line.get("traceId") == trace and line["message"] == message])[0]
        assert line["tenant"] == tenant["id"] and line["service"] == service
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    ids = {line["requestId"] for service in ("gateway", "leads") for line in log(system, service)
           if line.get("traceId") == trace}
    assert len(ids) == 1


def json_event(system, aggregate):
    """The headers of an aggregate's first event, as the embedded log keeps them: names and values by length."""
    text = psql(
        system, "guanxi_log", f"""
        select encode(headers, 'hex') from shared.log_record where key like '%/{aggregate}' order by "offset" limit 1
        """)
    rest, parts = bytes.fromhex(text), []
    while rest:
        length = int.from_bytes(rest[:4], "big")
        parts.append(rest[4:4 + length].decode())
        rest = rest[4 + length:]
    return dict(zip(parts[::2], parts[1::2]))


def test_metrics_are_prometheus_text(system, tenant):
    for service in SERVICES:
        status, text = internal(system, service, "/metrics")
        assert status == 200
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert len(families) == len(re.findall("^# TYPE ", text, re.MULTILINE))
        for name in ("process_resident_memory_bytes", "guanxi_loop_busy_seconds", "guanxi_outbox_depth",
                     "guanxi_http_requests", "guanxi_http_request_seconds"):
            assert families[name].samples, f"{service} tells nothing of {name}"
        histogram = families["guanxi_http_request_seconds"].samples
        assert any(sample.labels.get("le") == "+Inf" for sample in histogram)
    applied = text_string_to_metric_families(internal(system, "analytics", "/metrics")[1])
    groups = {sample.labels["group"]: sample.value for family in applied for sample in family.samples
              if sample.name == "guanxi_consumer_applied_total"}
    assert groups["analytics"] > 0


def test_every_service_explains_its_settings_and_refuses_wrong_ones(system):
    environment = {"PATH": "/usr/bin", "GUANXI_DATABASE_URL": "postgresql:///x", "GUANXI_SECRET": "s" * 40}
    for service in SERVICES:
        text = subprocess.run([str(BIN / service), "--help"], capture_output=True, text=True, check=True).stdout
        keys = re.findall(r"^  --([a-z-]+)$", text, re.MULTILINE)
        assert len(keys) >= 20
        assert text.count("environment: GUANXI_") == len(keys)
        assert len(re.findall("; (default|required|not set by default)", text)) == len(keys)
    for arguments, sentence in [
            (["--loops", "many"], '--loops is "many": expected a whole number from 0 to 64'),
            (["--event-log", "nats"], '--event-log is "nats": expected postgres or kafka'),
            (["--lop", "1"], "--lop is not a setting of this program"),
            (["--event-log", "kafka"], "kafka-bootstrap-servers is not set")]:
        done = subprocess.run([str(BIN / "leads"), *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_health_names_what_is_missing(system):
    status, text = internal(system, "leads", "/health/ready")
    assert status == 200 and json.loads(text)["status"] == "ready"
    assert internal(system, "leads", "/health/live")[0] == 200
    system.kill("gateway")
    # Without the gateway's keys nobody can be believed; known ones are good for a while, so a fresh service shows it.
    system.kill("analytics")
    try:
        environment = {**system.settings, **settings(system.folder / "services.env", {})}
        service = subprocess.Popen(
            [str(BIN / "analytics"), "--listen", f"127.0.0.1:{system.internal_port('analytics') - 1000}",
             "--internal-listen", f"127.0.0.1:{system.internal_port('analytics')}"],
            env=environment, stdout=subprocess.DEVNULL)
        report = wait_for(lambda: missing(system, "analytics"))
        service.terminate()
        assert service.wait(timeout=30) == 0
        assert report["missing"] == ["identity"] and report["phase"] == "running"
        assert report["dependencies"]["identity"] != "ok" and report["dependencies"]["database"] == "ok"
    finally:
        for service in ("gateway", "analytics"):
            system.restart(service)


def missing(system, service):
    try:
        status, text = internal(system, service, "/health/ready")
    except OSError:
        return None
    report = json.loads(text)
    return report if status == 503 and report["phase"] == "running" else None


@pytest.mark.parametrize("service", ["leads", "gateway"])
def test_a_service_that_is_stopped_finishes_what_is_under_way(system, tenant, service):
    # More than the gateway reads before it sends a request on.
    body = json.dumps({"company": f"Drained by {service}"}).encode() + b" " * 100_000
    head = (f"POST /v1/leads HTTP/1.1\r\nHost: guanxi\r\nAuthorization: Bearer {tenant['key']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", int(system.known["GUANXI_PORT"])), timeout=30) as connection:
        connection.sendall(head + body[:-10])
        wait_for(lambda: running(system, service))
        before = sum(line["message"] == f"{service} is stopping" for line in log(system, service))
        pid = system.pid(service)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: sum(
            line["message"] == f"{service} is stopping" for line in log(system, service)) > before)
        connection.sendall(body[-10:])
        answered = connection.recv(65536)
    assert answered.startswith(b"HTTP/1.1 201"), answered[:200]
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists())
    system.restart(service)
    status, found = call(system, "GET", "/v1/leads?q=drained", key=tenant["key"])
    assert status == 200 and f"Drained by {service}" in [item["company"] for item in found["items"]]


def running(system, service):
    """Whether the service has a request of somebody else's in hand."""
    text = internal(system, service, "/metrics")[1]
    # One is the question itself.
    return float(re.search(r"^guanxi_http_requests_running (\S+)$", text, re.MULTILINE)[1]) >= 2


# MARK: the README

def tour():
    """The README's tour: [(command, the lines shown under it)]."""
    text = (ROOT / "README.md").read_text().split("## A tour")[1].split("\n## ")[0]
    steps = []
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            elif steps and line.startswith("    "):
                steps[-1] = (steps[-1][0] + "\n" + line, steps[-1][1])
            elif steps and block.startswith("$ "):
                steps[-1][1].append(line)
    return steps


def test_the_tour_of_the_readme_is_true(system):
    """Every command is run as it stands there, in one shell, and shows what stands under it."""
    loaded = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "demo" / "load.py"), "demo"], env=system.known, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert loaded.returncode == 0, loaded.stdout
    steps, mark = tour(), "the next command"
    assert len(steps) >= 6
    idle = lambda: all(  # noqa: E731
        part["outbox"]["depth"] == 0 and all(group["lag"] == 0 for group in part["consumers"])
        for part in answer(system, "status").values())
    wait_for(idle)
    script = f"\necho '{mark}'\n".join(command for command, _ in steps)
    script = script.replace(".build/release/", f"{BIN}/").replace(". .run/", f". {system.folder}/")
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, cwd=ROOT, timeout=120)
    shown = done.stdout.split(f"{mark}\n")
    assert len(shown) == len(steps), done.stdout + done.stderr
    for (command, expected), output in zip(steps, shown):
        # Ids, times and what other tests left in the log differ; everything else is as printed.
        assert [blurred(line, command) for line in output.splitlines()] == [
            blurred(line, command) for line in expected], f"{command}\n{output}\n{done.stderr}"


def blurred(line, command):
    line = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+Z", "<time>", line)
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", line)
    return re.sub(r"\s+", " ", re.sub(r"[\d.]+", "<n>", line)) if command.endswith("guanxi status") else line
