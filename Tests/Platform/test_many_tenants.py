"""What changes with many tenants, in small: migrations that are killed and resumed while writes go on, and the end of a
tenant. `make bench-tenants` does the same with 2,000 and measures it."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from calls import ROOT, Platform, Writer, wait_for

sys.path.insert(0, str(ROOT / "deploy" / "bench"))
import migrating  # noqa: E402
from drive import psql  # noqa: E402
from footprint import locks_of_drop  # noqa: E402
from system import SERVICES  # noqa: E402

# PostgreSQL's defaults: max_locks_per_transaction times max_connections.
LOCKS_OF_DEFAULT = 64 * 100
WAITING = """
    select count(*) from pg_locks where not granted and database = (
        select oid from pg_database where datname = current_database())
"""


@pytest.fixture(scope="module")
def platform():
    platform = Platform("tenants-test")
    yield platform
    platform.system.stop(keep=False)


@pytest.fixture(scope="module")
def tenants(platform):
    return [platform.operator.ok("POST", "/v1/tenants", {"slug": f"t{number}", "name": f"T {number}"})["id"]
            for number in range(6)]


@contextmanager
def locked(database, table):
    """Another transaction holds the table."""
    other = subprocess.Popen(
        ["psql", "-X", "-q", "-t", "-A", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    other.stdin.write(f"begin; lock table {table} in share row exclusive mode; select 'held';\n")
    other.stdin.flush()
    assert other.stdout.readline().strip() == "held"
    try:
        yield
    finally:
        other.stdin.close()
        other.wait(timeout=60)


def test_a_migration_that_was_killed_goes_on_where_it_was(platform, tenants, tmp_path):
    database = platform.system.database("guanxi_leads")
    file = tmp_path / "leads" / "tenant" / "0001_bench_note.sql"
    file.parent.mkdir(parents=True)
    file.write_text(migrating.COLUMN)
    writer = Writer(platform.key("t0", "admin"))
    writer.start()
    with locked(database, f"t_{tenants[-1]}.leads"):
        run = subprocess.Popen(
            migrating.command(platform.system, "--extra", str(tmp_path)),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: int(psql(database, migrating.DONE)[0]) == len(tenants) - 1)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        # Its last statements are with the server already, which gives up by itself.
        wait_for(lambda: psql(database, WAITING) == ["0"])
    _, said = migrating.run(platform.system, "--extra", str(tmp_path))
    assert "leads: 0 migrations, 1 tenants brought up to date" in said
    assert int(psql(database, migrating.HAVE_IT)[0]) == len(tenants)
    assert "done: 0 migrations, 0 tenants" in migrating.run(platform.system, "--extra", str(tmp_path))[1]
    # Also for a program that does not know of it.
    assert "done: 0 migrations, 0 tenants" in migrating.run(platform.system)[1]
    acknowledged = writer.stop()
    assert acknowledged and not writer.refusals
    stored = psql(database, f"select id from t_{tenants[0]}.leads where bench_note = ''")
    assert set(stored) == set(acknowledged)


def test_a_tenant_in_use_stays_behind_and_is_named(platform, tenants, tmp_path):
    database = platform.system.database("guanxi_customers")
    file = tmp_path / "customers" / "tenant" / "0001_note.sql"
    file.parent.mkdir(parents=True)
    file.write_text("alter table {{schema}}.accounts add column note text;\n")
    with locked(database, f"t_{tenants[2]}.accounts"):
        run = subprocess.run(
            migrating.command(platform.system, "--extra", str(tmp_path)), capture_output=True, text=True, timeout=300)
    assert run.returncode == 1
    assert f"customers: tenant {tenants[2]} stays behind" in run.stderr and "run it again" in run.stderr
    assert "5 tenants brought up to date" in run.stdout
    assert "customers: 0 migrations, 1 tenants" in migrating.run(platform.system, "--extra", str(tmp_path))[1]


def test_dropping_a_tenant_needs_few_locks_and_leaves_nothing(platform, tenants):
    needed = {service: locks_of_drop(platform.system.database(f"guanxi_{service}"), tenants[1]) for service in SERVICES}
    assert 100 < sum(needed.values()) < LOCKS_OF_DEFAULT / 2, needed
    platform.operator.ok("DELETE", "/v1/tenants/t1")
    for service in SERVICES:
        database = platform.system.database(f"guanxi_{service}")
        left = psql(database, f"""
            select nspname from pg_namespace where nspname = 't_{tenants[1]}'
            union all select rolname from pg_roles where rolname = 'guanxi_{service}_t_{tenants[1]}'
            union all select id from shared.tenants where id = '{tenants[1]}'
            union all select tenant from shared.pending_work where tenant = '{tenants[1]}'
        """)
        assert left == []
    # The name is free, and what is made under it is new.
    again = platform.operator.ok("POST", "/v1/tenants", {"slug": "t1", "name": "T 1"})
    assert again["id"] != tenants[1]
    assert platform.key("t1", "admin").ok("GET", "/v1/leads")["items"] == []
