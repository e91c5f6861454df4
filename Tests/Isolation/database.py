"""The databases from a raw connection with the role of A: whatever is B's is refused, and nothing tells of it."""

import hashlib
import re
import subprocess

from traces import rows

SERVICES = ("gateway", "leads", "opportunities", "customers", "analytics")
DENIED = "42501"
# Functions that look at what is not one's own.
TELLING = [
    "pg_describe_object(1259, 1259, 0)", "pg_identify_object(1259, 1259, 0)", "pg_get_userbyid(10)",
    "pg_stat_get_activity(null)", "pg_stat_get_live_tuples(1259)", "pg_current_snapshot()", "pg_lock_status()",
    "pg_relation_filepath(1259)", "pg_relation_size(1259)", "to_regclass('{s}.leads')", "to_regrole('{r}')",
    "to_regnamespace('{s}')", "has_schema_privilege('{s}', 'usage')", "pg_has_role('{r}', 'usage')",
    "has_table_privilege(1259, 'select')", "set_config('role', '{r}', true)", "pg_current_wal_lsn()",
    "query_to_xml('select 1', true, true, '')", "table_to_xml(1259, true, true, '')", "schema_to_xml('{s}', true, true, '')",
    "database_to_xml(true, true, '')", "ts_stat('select to_tsvector(''x'')')", "pg_advisory_lock(1)",
    "pg_try_advisory_xact_lock(1, 1)", "pg_notify('a', 'b')", "lo_create(0)", "pg_terminate_backend(1)",
    "pg_cancel_backend(1)", "pg_get_functiondef(1)", "pg_get_viewdef(1259)", "pg_prepared_statement()", "pg_cursor()",
    "pg_show_all_settings()", "pg_sleep(0)", "setseed(0)", "lastval()", "pg_blocking_pids(1)", "pg_backend_pid()",
    "pg_get_replication_slots()", "pg_tablespace_databases(1663)", "pg_control_checkpoint()", "pg_conf_load_time()",
    "obj_description(1259, 'pg_class')", "col_description(1259, 1)", "shobj_description(10, 'pg_authid')",
    "pg_partition_tree(1259)", "pg_sequence_last_value(1259)", "pg_export_snapshot()", "pg_read_file('postgresql.conf')",
    "pg_ls_dir('.')", "pg_stat_file('.')", "pg_reload_conf()", "pg_logical_emit_message(true, 'a', 'b')",
    "inet_client_addr()", "txid_current_snapshot()", "pg_xact_status('3')", "pg_last_committed_xact()"]
ELSEWHERE = [
    "create schema x", "create table {own}.x (a int)", "create temporary table x (a int)", "create role x",
    "create view {own}.x as select 1", "create function {own}.x() returns int language sql as 'select 1'",
    "do $$ begin end $$", "create extension dblink", "create publication x", "alter system set work_mem = '1MB'",
    "copy (select 1) to program 'true'", "copy (select 1) to '/tmp/guanxi-x'", "drop schema {own} cascade",
    "set session authorization postgres", "grant \"{r}\" to current_user", "alter role \"{r}\" rename to x",
    "alter role current_user createrole", "drop role \"{r}\"", "reassign owned by \"{r}\" to current_user",
    "create trigger x after insert on shared.outbox execute function f()", "create server x foreign data wrapper y",
    "insert into shared.outbox (tenant) values ('{b}')", "insert into shared.outbox (txid) values ('1')",
    "insert into shared.outbox (slot) values (1)", "insert into shared.outbox (bucket) values (1)"]


class Database:
    def __init__(self, system, judge, mine, theirs):
        self.system, self.judge, self.mine, self.theirs = system, judge, mine, theirs

    def attempts(self):
        for service in SERVICES:
            yield lambda service=service: self.service(service)

    def service(self, service):
        name = f"guanxi_{service}"
        address = self.system.database(name)
        a, b = f"t_{self.mine.id}", f"t_{self.theirs.id}"
        role = f"{name}_{b}"
        statements = [(sql, DENIED) for sql in self.relations(address, b)]
        place = {"s": b, "r": role, "b": self.theirs.id, "own": a}
        statements += [(f"select {call.format(**place)}", DENIED) for call in TELLING]
        statements += [(sql.format(**place), None) for sql in ELSEWHERE]
        self.run(service, self.as_login(address, f"{name}_app_1"), f"{name}_{a}", statements)
        # The login alone may nothing, and no other service's database is open to it.
        tables = rows(address, f"select tablename from pg_tables where schemaname in ('{a}', '{b}')")
        self.run(
            service, self.as_login(address, f"{name}_app_1"), None,
            [(f"select * from {schema}.{row['tablename']}", DENIED) for row in tables for schema in (a, b)])
        for other in (*SERVICES, "log"):
            if other != service:
                done = self.psql(self.as_login(self.system.database(f"guanxi_{other}"), f"{name}_app_1"), "select 1;")
                reason = None if "permission denied for database" in done else "it may enter"
                self.judge.note("database", f"{name}_app_1 enters guanxi_{other}", reason, text=done)

    def relations(self, address, schema):
        """Every statement on everything of B, on what is shared, and on the catalogues."""
        found = rows(
            address,
            f"""select c.oid::int8 as oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
            (select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0
                and not attisdropped and attidentity = '' and attgenerated = '' order by attnum limit 1) as first
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('{schema}', 'shared', 'pg_catalog', 'information_schema')
                and c.relkind in ('r', 'v', 'S', 'p', 'm') order by 2, 3""")
        for row in found:
            name = f"{row['schema']}.\"{row['name']}\""
            yield f"select * from {name} limit 1"
            if row["schema"] in ("pg_catalog", "information_schema"):
                continue
            if row["kind"] == "S":
                yield from (f"select nextval({row['oid']}::oid::regclass)", f"select currval({row['oid']}::oid::regclass)",
                            f"select setval({row['oid']}::oid::regclass, 1)", f"select last_value from {name}")
                continue
            first = row["first"]
            yield from (
                f"select count(*) from {name}", f"explain select * from {name}", f"copy {name} to stdout",
                f"update {name} set {first} = {first}", f"delete from {name}", f"truncate {name}",
                f"begin; lock table {name} in access share mode", f"alter table {name} add column x int",
                f"comment on table {name} is 'x'", f"create index on {name} ({first})",
                f"grant select on {name} to public", f"drop table {name}", f"select * from {name} tablesample system (1)",
                f"select {first} from {name} for update", f"with x as (delete from {name} returning *) select * from x")
            if row["schema"] == schema:
                yield f"insert into {name} default values"

    @staticmethod
    def as_login(address, login):
        return re.sub(r"//[^@/]*@", f"//{login}@", address)

    @staticmethod
    def psql(address, script):
        return subprocess.run(
            ["psql", address, "-XAtq", "-v", "VERBOSITY=sqlstate"], input=script, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, encoding="utf-8").stderr

    def run(self, service, address, role, statements):
        """Runs each statement by itself; what is no error got through, whatever it answered."""
        script = [f"set role \"{role}\";"] if role else []
        for number, (sql, _) in enumerate(statements):
            script += [f"\\warn # {number}", f"{sql};", "rollback;"]
        found, number = {}, None
        for line in self.psql(address, "\n".join(script)).splitlines():
            if match := re.match(r"# (\d+)$", line):
                number = int(match[1])
            elif match := re.search(r"ERROR:\s+(\w{5})", line):
                found.setdefault(number, match[1])
        for number, (sql, wanted) in enumerate(statements):
            state = found.get(number)
            reason = None if state is not None and wanted in (None, state) else f"allowed ({state})"
            self.judge.note("database", f"{service}: {sql}", reason)

    # What everything looked like, before and after.

    def fingerprint(self, tenant):
        """A digest of every row of a tenant in every service; log-in failures are written by whoever fails."""
        parts = {}
        for service in SERVICES:
            address = self.system.database(f"guanxi_{service}")
            schema = f"t_{tenant.id}"
            tables = [row["tablename"] for row in rows(
                address, f"select tablename from pg_tables where schemaname = '{schema}'"
                " and tablename <> 'login_attempts' order by 1")]
            sql = " union all ".join(
                f"select '{t}' as name, count(*) as n, md5(coalesce(string_agg(x::text, '|' order by x::text), '')) as h"
                f" from {schema}.\"{t}\" x" for t in tables)
            parts |= {(service, row["name"]): (row["n"], row["h"]) for row in rows(address, sql)}
        return parts

    def plant(self):
        """Breaks the fence of A in the leads' database in ways that `guanxi isolation verify` must find."""
        a, b = f"t_{self.mine.id}", f"t_{self.theirs.id}"
        role = f'"guanxi_leads_{a}"'
        done = self.psql(self.system.database("guanxi_leads"), f"""
            grant usage on schema {b} to {role};
            grant select on {b}.leads to {role};
            grant "guanxi_leads_{b}" to {role};
            grant execute on function pg_catalog.set_config(text, text, boolean) to public;
            insert into {a}.users select * from {b}.users;
            update {a}.canary set word = (select word from {b}.canary);""")
        assert "ERROR" not in done, done

    def catalogue(self):
        """A digest of what there is and who may what: attempts change nothing of it."""
        parts = {}
        for service in (*SERVICES, "log"):
            address = self.system.database(f"guanxi_{service}")
            sql = """select (select string_agg(nspname || coalesce(nspacl::text, ''), ',' order by nspname)
                from pg_namespace where nspname !~ '^pg_') as schemas,
                (select string_agg(proname || coalesce(proacl::text, ''), ',' order by oid) from pg_proc) as functions,
                (select string_agg(relname || relowner || coalesce(relacl::text, ''), ',' order by oid) from pg_class
                    where relkind in ('r', 'v', 'S', 'p') and relnamespace <> 'pg_toast'::regnamespace) as tables,
                (select string_agg(rolname || rolsuper || rolinherit || rolcreaterole || rolcanlogin, ',' order by rolname)
                    from pg_roles) as roles"""
            parts[service] = hashlib.sha256(str(rows(address, sql)).encode()).hexdigest()
        return parts

    def canaries_elsewhere(self, tenants):
        """Every table of every schema but their own. What was typed at a log-in is whoever's who typed it."""
        for service in (*SERVICES, "log"):
            address = self.system.database(f"guanxi_{service}")
            tables = rows(
                address, "select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n"
                " on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname ~ '^t_' and c.relname <> 'login_attempts'")
            counts = []
            for place in tables:
                schema, name = place["schema"], place["name"]
                strangers = "|".join(t.canary for t in tenants if schema != f"t_{t.id}")
                counts.append(
                    f"select '{schema}.{name}' as name, count(*) as n from {schema}.\"{name}\" x"
                    f" where x::text ~ '{strangers}'")
            for found in rows(address, " union all ".join(counts)) if counts else ():
                reason = f"{found['n']} rows with another tenant's canary" if found["n"] else None
                self.judge.saw("rows at rest", f"{service} {found['name']}", reason)
