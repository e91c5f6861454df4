"""A tenant goes to another PostgreSQL server and back while it is written to: nothing lost, nothing twice."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import time
import uuid

import pytest
from calls import ROOT, Caller, Converter, Platform, Server, Writer, all_leads, wait_for
from system import BESIDE

PLACED = ("leads", "opportunities", "customers", "analytics")
BIN = ROOT / ".build" / os.environ.setdefault("GUANXI_BUILD", "debug")


@pytest.fixture(scope="module")
def platform(request):
    log = getattr(request, "param", "postgres")
    if log == "kafka" and not ("KAFKA_HOME" in os.environ or BESIDE.is_dir()):
        pytest.skip("no Kafka: set KAFKA_HOME")
    others = {name: Server(ROOT / ".run" / f"move-{name}") for name in ("second", "third")}
    named = " ".join(f"{name}={server.url}" for name, server in others.items())
    platform = Platform("move-test", log, {"GUANXI_DATABASE_SERVERS": named})
    platform.log, platform.others = log, others
    yield platform
    platform.system.stop(keep=False)
    for server in others.values():
        server.script("destroy")


@pytest.fixture
def second(platform):
    return platform.others["second"]


class Timed(Caller):
    """Remembers the longest that an answer took."""

    longest = 0.0

    def send(self, *words, **more):
        began = time.monotonic()
        try:
            return super().send(*words, **more)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)


@pytest.fixture(scope="module")
def tenants(platform):
    """The one that moves, and one on each server that has nothing to do with it."""
    made = {}
    for slug, server in (("mover", None), ("home", None), ("away", "second")):
        body = {"slug": slug, "name": slug, "timeZone": "UTC", "currency": "USD", "server": server}
        made[slug] = platform.operator.ok("POST", "/v1/tenants", body) | {"api": platform.key(slug, "admin")}
    api = made["mover"]["api"]
    api.ok("POST", "/v1/teams", {"name": "North"})
    api.ok("POST", "/v1/users", {"login": "ada", "name": "Ada", "role": "sales"})
    return made


def guanxi(platform, *words, code=0):
    done = subprocess.run(
        [str(BIN / "guanxi"), *words], env=platform.known, text=True, capture_output=True, timeout=120)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def home_psql(platform, database, statement):
    output = subprocess.run(
        ["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", platform.system.database(database)], input=statement,
        check=True, capture_output=True, text=True).stdout
    return output.splitlines()


def left(psql, tenant):
    """What a server still has of a tenant."""
    found = []
    for service in PLACED:
        shared = ["outbox", "inbox_sequence", "dead_letter", "pending_work", "canaries", "restored_tenants", "moves",
                  "moved_rows"]
        statements = [f"select '{table}' from shared.{table} where tenant = '{tenant}'" for table in shared]
        statements += [
            f"select 'schema' from pg_namespace where nspname = 't_{tenant}'",
            f"select 'role' from pg_roles where rolname = 'guanxi_{service}_t_{tenant}'",
            "select 'trigger' from pg_trigger where tgname like 'zz_moving%'",
            f"select 'entry' from shared.tenants where id = '{tenant}'"]
        statements.append(
            f"select concat_ws(' ', consumer, aggregate, sequence, state, reason) "
            f"from shared.dead_letter where tenant = '{tenant}'")
        found += [f"{service}: {line}" for line in psql(f"guanxi_{service}", " union ".join(statements))]
    return found


class Crowd:
    """Everybody at work: writers of every tenant, and conversions of the one that moves."""

    def __init__(self, platform, tenants):
        self.timed = Timed(platform.port, tenants["mover"]["api"].key)
        self.converter = Converter(tenants["mover"]["api"])
        self.writers = {slug: Writer(tenants[slug]["api"]) for slug in ("home", "away")}
        self.writers["mover"] = Writer(self.timed)
        for thread in self.threads():
            thread.start()

    def threads(self):
        return [self.converter, *self.writers.values()]

    def go_on(self, count=20):
        """Waits until everybody has done some more."""
        before = {slug: len(writer.acknowledged) for slug, writer in self.writers.items()}
        converted = len(self.converter.done)
        wait_for(lambda: len(self.converter.done) > converted + count // 5 and all(
            len(writer.acknowledged) > before[slug] + count for slug, writer in self.writers.items()), 60)

    def stop(self):
        self.converter.stop()
        return {slug: writer.stop() for slug, writer in self.writers.items()}


def events(platform, topic, tenant):
    """(aggregate, sequence) of each event of a tenant on a topic, each partition in its order."""
    heads = on_kafka if platform.log == "kafka" else on_postgres
    return [(head["ce_subject"], int(head["ce_sequence"])) for head in heads(platform, topic, tenant)]


def on_postgres(platform, topic, tenant):
    rows = home_psql(platform, "guanxi_log", f"""
        select encode(headers, 'hex') from shared.log_record r join shared.log_topic t on t.id = r.topic
        where t.name = '{topic}' and key like '{tenant}/%' order by partition, "offset" """)
    for row in rows:
        rest, parts = bytes.fromhex(row), []
        while rest:
            end = 4 + int.from_bytes(rest[:4])
            parts.append(rest[4:end].decode())
            rest = rest[end:]
        yield dict(zip(parts[::2], parts[1::2]))


def on_kafka(platform, topic, tenant):
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": platform.known["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "move-test",
                         "enable.auto.commit": False})
    places = [TopicPartition(topic, number, OFFSET_BEGINNING)
              for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
    waiting = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    consumer.assign(places)
    bodies = {}
    while waiting > 0:
        messages = consumer.consume(500, timeout=30)
        assert messages, f"{waiting} records of {topic} do not come"
        for message in messages:
            assert not message.error()
            waiting -= 1
            head, body = {name: value.decode() for name, value in message.headers()}, message.value()
            # A relay may tell an event again, as it was.
            if head["ce_tenantid"] == tenant and bodies.setdefault(head["ce_id"], body) is body:
                yield head
            assert bodies.get(head["ce_id"], body) == body
    consumer.close()


def settled(psql, tenant):
    """Whether analytics has every event of every lead, in order and once, as the leads have versions."""
    wanted = psql("guanxi_leads", f"select id, version from t_{tenant}.leads order by id")
    history = psql("guanxi_analytics", f"""
        select aggregate_id, max(sequence) from t_{tenant}.event_history where aggregate = 'lead'
        group by 1 having count(*) = max(sequence) and min(sequence) = 1 order by 1""")
    return wanted == history


def check(platform, tenants):
    """All is at home, and tells the same."""
    mover = tenants["mover"]["id"]
    psql = lambda *words: home_psql(platform, *words)  # noqa: E731
    wait_for(lambda: settled(psql, mover))
    for server in platform.others.values():
        assert left(server.psql, mover) == []
    # A conversion is in the same step in all three services.
    wait_for(lambda: psql(
        "guanxi_leads", f"select id from t_{mover}.conversions where phase in ('running', 'compensating')") == [])
    converted = psql(
        "guanxi_leads", f"select account_id, opportunity_id from t_{mover}.leads where status = 'converted'")
    assert {row.split("|")[0] for row in converted} == set(
        psql("guanxi_customers", f"select id from t_{mover}.accounts"))
    assert {row.split("|")[1] for row in converted} == set(
        psql("guanxi_opportunities", f"select id from t_{mover}.opportunities"))
    for topic in ("guanxi.leads", "guanxi.customers", "guanxi.opportunities"):
        order = collections.defaultdict(list)
        for aggregate, sequence in events(platform, topic, mover):
            order[aggregate].append(sequence)
        assert order or topic != "guanxi.leads"
        wrong = {key: numbers for key, numbers in order.items() if numbers != list(range(1, len(numbers) + 1))}
        assert not wrong, topic
    total = tenants["mover"]["api"].ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"]
    assert total == len(all_leads(tenants["mover"]["api"]))
    assert "every figure is the same" in guanxi(platform, "analytics", "rebuild", "--yes")
    assert guanxi(platform, "dead-letters", "list") == "No event is parked.\n"
    assert "Nothing is where it must not be." in guanxi(platform, "isolation", "verify")


def test_there_and_back_while_everybody_works(platform, tenants):
    there_and_back(platform, tenants)


def rule_versions(platform, tenant):
    """What instances take for the number of a tenant's rules: of all servers together."""
    statement = f"select version from shared.rule_versions where tenant = '{tenant}'"
    everywhere = [home_psql(platform, "guanxi_leads", statement)]
    everywhere += [server.psql("guanxi_leads", statement) for server in platform.others.values()]
    return sum(int(version) for versions in everywhere for version in versions)


def there_and_back(platform, tenants):
    numbers = [rule_versions(platform, tenants["mover"]["id"])]
    crowd = Crowd(platform, tenants)
    api = tenants["mover"]["api"]
    key = {"Idempotency_Key": str(uuid.uuid4())}
    once = api.ok("POST", "/v1/leads", {"company": "Once Ltd"}, **key)
    crowd.go_on()
    rows = "company,externalSystem,externalId\n" + "".join(f"Row {n},file,{n}\n" for n in range(1000))
    job = api.ok(
        "POST", "/v1/leads/imports", rows.encode(), Content_Type="text/csv", Idempotency_Key=str(uuid.uuid4()))
    for place in ("second", "third", "home"):
        crowd.timed.longest = 0.0
        began = time.monotonic()
        moved = json.loads(guanxi(platform, "tenant", "move", "mover", "--to", place, "--json"))
        assert [part["service"] for part in moved["services"]] == list(PLACED)
        pauses = [part["pauseMilliseconds"] for part in moved["services"]]
        print(f"to {place} in {time.monotonic() - began:.1f} s: writes waited {pauses} ms, "
              f"the longest answer took {crowd.timed.longest * 1000:.0f} ms")
        listed = {item["slug"]: item["server"] for item in platform.operator.ok("GET", "/v1/tenants")["items"]}
        assert listed["mover"] == (None if place == "home" else place)
        crowd.go_on()
        assert all(left(server.psql, tenants["mover"]["id"]) == []
                   for name, server in platform.others.items() if name != place)
        assert api.ok("POST", "/v1/leads", {"company": "Once Ltd"}, **key)["id"] == once["id"]
        # Rules that changed meanwhile are read again, whatever an instance has missed.
        numbers.append(rule_versions(platform, tenants["mover"]["id"]))
    assert len(set(numbers)) == len(numbers)
    done = wait_for(
        lambda: (state := api.ok("GET", f"/v1/leads/imports/{job['id']}"))["status"] == "done" and state, 60)
    assert done["created"] == 1000
    acknowledged = crowd.stop()
    for slug, leads in acknowledged.items():
        assert not crowd.writers[slug].refusals
        there = all_leads(tenants[slug]["api"])
        assert set(leads) <= there
        more = {"mover": 1 + 1000 + len(crowd.converter.done)}.get(slug, 0)
        assert len(there) == len(leads) + more
    check(platform, tenants)


def killed(platform, *words, at):
    """Starts the tool and kills it when `at` is so."""
    tool = subprocess.Popen([str(BIN / "guanxi"), *words], env=platform.known, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: tool.poll() is not None or at(), 60)
        assert tool.poll() is None, "it ended before"
    finally:
        tool.send_signal(signal.SIGKILL)
        tool.wait()


def blocker(address, statement):
    """A session that holds locks until its input is closed."""
    session = subprocess.Popen(
        ["psql", "-X", "-q", "-t", "-A", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    session.stdin.write(f"begin; {statement}; select 'held';\n")
    session.stdin.flush()
    assert session.stdout.readline().strip() == "held"
    return session


def move_state(psql, service, tenant):
    return psql(f"guanxi_{service}", f"select state from shared.moves where tenant = '{tenant}'")


@contextlib.contextmanager
def dawdling(psql, service):
    """Where a server takes its time to commit that a tenant is on it."""
    psql(f"guanxi_{service}", """
        create function shared.dawdle() returns trigger language plpgsql as $$
        begin perform pg_catalog.pg_sleep(60); return null; end $$;
        create constraint trigger dawdle after update on shared.tenants deferrable initially deferred
        for each row when (new.server = '') execute function shared.dawdle();""")
    yield
    psql(f"guanxi_{service}", """
        select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep';
        drop trigger dawdle on shared.tenants; drop function shared.dawdle();""")


def end(platform):
    """How many events the embedded log has of leads."""
    return int(home_psql(platform, "guanxi_log", """
        select sum(next_offset) from shared.log_partition p join shared.log_topic t on t.id = p.topic
        where t.name = 'guanxi.leads'""")[0])


def test_one_that_is_killed_goes_on_or_is_taken_back(platform, second, tenants):
    home = lambda *words: home_psql(platform, *words)  # noqa: E731
    mover, api = tenants["mover"]["id"], tenants["mover"]["api"]
    writers = {slug: Writer(tenants[slug]["api"], "again") for slug in tenants}
    for writer in writers.values():
        writer.start()

    # While it copies: nobody notices, and with `home` nothing is left of it.
    session = blocker(second.database("guanxi_opportunities"), "lock table shared.inbox_sequence in exclusive mode")
    killed(platform, "tenant", "move", "mover", "--to", "second",
           at=lambda: move_state(home, "opportunities", mover) == ["copying"])
    session.communicate()
    assert api.ok("GET", "/v1/leads?limit=1") and api.ok("GET", "/v1/opportunities?limit=1") is not None
    guanxi(platform, "tenant", "move", "mover", "--to", "home")
    assert left(second.psql, mover) == []
    assert all(move_state(home, service, mover) == [] for service in PLACED)

    # Closed at home, not yet open there.
    with dawdling(second.psql, "leads"):
        killed(platform, "tenant", "move", "mover", "--to", "second",
               at=lambda: move_state(home, "leads", mover) == ["fenced"])
    status, headers, _ = api.send("GET", "/v1/leads?limit=1")
    assert status == 503 and headers["Retry-After"] == "1"
    status, headers, _ = api.send("POST", "/v1/leads", {"company": "Nowhere Ltd"})
    assert status == 503 and headers["Retry-After"] == "1"
    assert api.ok("GET", "/v1/accounts?limit=1")
    # It is there in the end, and what is at home is not cleared.
    session = blocker(second.database("guanxi_analytics"), "lock table shared.outbox in exclusive mode")
    killed(platform, "tenant", "move", "mover", "--to", "second",
           at=lambda: home("guanxi_gateway", f"select server from shared.tenant_records where id = '{mover}'") != [""])
    session.communicate()

    # Its reports are nowhere; consumers of both servers pass its events.
    with dawdling(home, "analytics"):
        killed(platform, "tenant", "move", "mover", "--to", "home",
               at=lambda: move_state(second.psql, "analytics", mover) == ["fenced"])
    count = len(writers["mover"].acknowledged)
    wait_for(lambda: len(writers["mover"].acknowledged) > count + 30)
    passed = "select sum(next_offset) from shared.inbox_offset where topic = 'guanxi.leads'"
    for psql, ends in ((home, end(platform)), (second.psql, end(platform))):
        wait_for(lambda: int(psql("guanxi_analytics", passed)[0]) >= ends)
    guanxi(platform, "tenant", "move", "mover", "--to", "home")

    acknowledged = {slug: writer.stop() for slug, writer in writers.items()}
    for slug, leads in acknowledged.items():
        assert set(leads) <= all_leads(tenants[slug]["api"])
        refused = {status for status, _, _ in writers[slug].refusals}
        assert refused <= ({503} if slug == "mover" else set())
    check(platform, tenants)


def test_one_that_is_deleted_meanwhile_leaves_nothing(platform, second):
    home = lambda *words: home_psql(platform, *words)  # noqa: E731
    platform.tenant("gone")
    gone = home("guanxi_gateway", "select id from shared.tenant_records where slug = 'gone'")[0]
    session = blocker(second.database("guanxi_leads"), "lock table shared.inbox_sequence in exclusive mode")
    killed(platform, "tenant", "move", "gone", "--to", "second",
           at=lambda: move_state(home, "leads", gone) == ["copying"])
    session.communicate()
    guanxi(platform, "tenant", "delete", "gone", "--yes")
    assert left(second.psql, gone) == []
    made = {"schema", "role", "moves", "moved_rows", "trigger", "entry"}
    assert not made & {line.partition(": ")[2] for line in left(home, gone)}
    assert "no tenant" in guanxi(platform, "tenant", "move", "gone", "--to", "second", code=1)
    assert "home, second, third" in guanxi(platform, "tenant", "move", "mover", "--to", "fourth", code=2)


def test_a_quiet_one_tells_nothing_twice(platform, second):
    api = platform.tenant("quiet")
    quiet = home_psql(platform, "guanxi_gateway", "select id from shared.tenant_records where slug = 'quiet'")[0]

    def made(name):
        account = api.ok("POST", "/v1/accounts", {"name": name})["id"]
        wait_for(lambda: (f"account/{account}", 1) in events(platform, "guanxi.customers", quiet))

    made("Before Ltd")
    # As on a server that has never published anything.
    platform.system.local("stop", "customers")
    second.psql("guanxi_customers", "delete from shared.relay_cursor")
    platform.system.local("start", "customers")
    guanxi(platform, "tenant", "move", "quiet", "--to", "second")
    guanxi(platform, "tenant", "move", "quiet", "--to", "home")
    guanxi(platform, "tenant", "move", "quiet", "--to", "second")
    kept = second.psql("guanxi_customers", f"select count(*) from shared.outbox where tenant = '{quiet}'")
    platform.system.restart("customers")
    made("After Ltd")
    told = events(platform, "guanxi.customers", quiet)
    assert len(told) == len(set(told)) == int(kept[0]) + 1


def test_one_on_another_server_is_backed_up(platform, second, tenants, tmp_path):
    home = lambda *words: home_psql(platform, *words)  # noqa: E731
    api = tenants["away"]["api"]
    writer = Writer(api, "backed up")
    writer.start()
    wait_for(lambda: len(writer.acknowledged) > 20)
    before = set(writer.acknowledged)
    guanxi(platform, "tenant", "backup", "away", "--to", str(tmp_path / "away.tar"))
    writer.stop()
    assert not writer.refusals
    copy = json.loads(guanxi(platform, "tenant", "restore", str(tmp_path / "away.tar"), "--as", "copy", "--json"))
    assert before <= all_leads(platform.key("copy", "admin"))
    wait_for(lambda: settled(home, copy["tenant"]))
    assert {line.partition("@")[2] for line in home(
        "guanxi_analytics", "select distinct consumer from shared.inbox_sequence")} == {""}
    assert guanxi(platform, "dead-letters", "list") == "No event is parked.\n"
    guanxi(platform, "tenant", "move", "copy", "--to", "second")
    assert before <= all_leads(platform.key("copy", "admin"))
    assert "Nothing is where it must not be." in guanxi(platform, "isolation", "verify")


@pytest.mark.parametrize("platform", ["kafka"], indirect=True)
def test_there_and_back_on_kafka(platform, tenants):
    there_and_back(platform, tenants)
