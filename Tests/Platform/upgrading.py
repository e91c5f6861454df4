"""What an upgraded installation must be: the schema of a fresh one, and every event applied once and in order."""

import os
import re
import subprocess

PG = "/usr/lib/postgresql/15/bin/"
BUSINESS = ("gateway", "leads", "opportunities", "customers", "analytics")


def psql(system, database, statement):
    done = subprocess.run(
        [PG + "psql", "-XAtc", statement, system.database(f"guanxi_{database}")], capture_output=True, text=True,
        env={**os.environ, "PGTZ": "UTC"}, check=True)
    return done.stdout.strip()


def schema(system, service, name):
    """A schema's definition as PostgreSQL tells it, with nothing in it that differs from one tenant to the next."""
    text = subprocess.run(
        [PG + "pg_dump", "--schema-only", "-n", name, system.database(f"guanxi_{service}")], capture_output=True,
        text=True, check=True).stdout
    return re.sub(r"t_[a-z2-7]{16}", "t_<id>", re.sub(r"(?m)^(--.*|\\.*|)\n", "", text))


def tenant_id(system, slug):
    return psql(system, "gateway", f"select id from shared.tenant_records where slug = '{slug}'")


def settled(system, tenant):
    """Whether analytics has every event of every lead, in order and once, as the leads have versions."""
    wanted = psql(system, "leads", f"select id, version from t_{tenant}.leads order by id")
    history = psql(
        system, "analytics",
        f"""select aggregate_id, max(sequence) from t_{tenant}.event_history where aggregate = 'lead'
            group by 1 having count(*) = max(sequence) and min(sequence) = 1 order by 1""")
    return wanted == history
