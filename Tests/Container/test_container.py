"""The image without a container engine (`make container-test`): the Dockerfile's root file system, and what compose.yaml
runs in it, each process in namespaces of its own and without privileges, on a PostgreSQL that asks for passwords."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from compose import SERVICES, Container, as_root, compose, packages, user

sys.path.insert(0, str(Path(__file__).parents[1] / "Platform"))
from calls import Caller, Server, wait_for  # noqa: E402

EXECUTABLES = (*SERVICES, "guanxi")
# What no package brings, as no Debian is without it.
BASE = {"libc6", "libgcc-s1"}
VARIABLES = {
    "POSTGRES_PASSWORD": "theSuperusersOwn", "GUANXI_DATABASE_PASSWORD": "theServicesOwn", "GUANXI_SECRET": "s" * 64}
FOLDER = Path(os.environ["GUANXI_RUN_DIR"])
IMAGE = Path(os.environ["GUANXI_CONTAINER_ROOT"])


@pytest.fixture(scope="module")
def server():
    """compose.yaml's postgres: by its socket as the superuser without a password, else with passwords."""
    os.environ["GUANXI_PG_LISTEN"] = "127.0.0.1"
    server = Server(FOLDER)
    server.psql("postgres", f"alter role postgres password '{VARIABLES['POSTGRES_PASSWORD']}'")
    server.socket = Path(server.url.partition("?host=")[2])
    # The socket becomes the image's user's, and so the migration's: nobody else has it.
    as_root("chmod", "755", str(server.socket))
    as_root("chown", user(), str(server.socket / ".s.PGSQL.5432"))
    server.url = f"postgresql://postgres:{VARIABLES['POSTGRES_PASSWORD']}@127.0.0.1/postgres?"
    yield server
    server.script("destroy")


@pytest.fixture(scope="module")
def containers(server):
    """Every container of compose.yaml that is ours; none runs yet."""
    services = compose(VARIABLES)
    (FOLDER / "hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *services)))
    operator = FOLDER / "operator"
    operator.mkdir(mode=0o700)
    as_root("chown", user(), str(operator))
    sources = {"socket": server.socket, "./operator": operator}
    return {
        name: Container(name, services[name], IMAGE, FOLDER, sources) for name in ("migrate", *SERVICES)}


@pytest.fixture(scope="module")
def running(containers):
    """All of it, in the order that compose.yaml demands."""
    done = containers["migrate"].run()
    assert done.returncode == 0, done.stdout + done.stderr
    for name in SERVICES:
        assert containers[name].definition["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert not containers[name].healthy()
        containers[name].start()
    for name in SERVICES:
        try:
            wait_for(containers[name].healthy, seconds=60)
        except AssertionError:
            raise AssertionError(f"{name} did not become healthy: {containers[name].last_words()}") from None
    yield containers
    for name in SERVICES:
        if containers[name].process.poll() is None:
            as_root("kill", "-KILL", str(containers[name].pid))


@pytest.fixture(scope="module")
def operator(running):
    key = as_root("cat", str(FOLDER / "operator" / "operator.key")).stdout.strip()
    return Caller(8080, key)


# MARK: the image

def provided():
    """Each file of the image's packages, without the link of /lib to /usr/lib, and its package."""
    return {
        file.removeprefix("/usr"): listing.name.removesuffix(".list").partition(":")[0]
        for listing in (IMAGE / "var/lib/dpkg/info").glob("*.list") for file in listing.read_text().splitlines()}


def needed(executable):
    """The libraries that an executable names itself."""
    lines = subprocess.run(
        ["objdump", "-p", str(IMAGE / "opt" / "guanxi" / executable)], check=True, capture_output=True, text=True).stdout
    return {line.split()[1] for line in lines.splitlines() if line.strip().startswith("NEEDED")}


def test_every_package_is_needed_and_none_is_missing(containers):
    owners, direct = provided(), set()
    for name in EXECUTABLES:
        lines = containers["migrate"].run("ldd", f"/opt/guanxi/{name}").stdout.splitlines()
        places = dict(line.split()[:3:2] for line in lines if "=>" in line)
        assert [library for library, place in places.items() if not place.startswith("/")] == [], name
        direct |= {owners[places[library].removeprefix("/usr")] for library in needed(name) if library in places}
    listed = packages()
    assert direct - BASE == {name for name, reason in listed.items() if not reason}
    assert set(listed) <= set(owners.values())


def test_nothing_for_building_is_in_it():
    names = set(provided().values())
    assert not [name for name in names if name.endswith("-dev") or name in ("gcc", "clang", "binutils", "curl")]
    assert (IMAGE / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 100_000


def test_its_user_owns_nothing_and_may_not_log_in():
    uid, gid = user().split(":")
    assert as_root("find", str(IMAGE), "-xdev", "(", "-uid", uid, "-o", "-gid", gid, ")").stdout == ""
    entry = [line for line in (IMAGE / "etc/passwd").read_text().splitlines() if f":x:{uid}:{gid}:" in line]
    assert [line.split(":")[5:] for line in entry] == [["/nonexistent", "/usr/sbin/nologin"]]
    # The sticky folders of every Debian, and devices.
    writable = as_root(
        "find", str(IMAGE), "-xdev", "-perm", "-o=w", "!", "-type", "l", "!", "-type", "c", "-printf", "/%P\n").stdout
    assert set(writable.split()) <= {"/tmp", "/var/tmp", "/run/lock"}


# MARK: what runs

def test_every_process_is_without_privileges(running):
    for name in SERVICES:
        status = running[name].status()
        assert status["Name"] == [name]
        assert status["Uid"] == status["Gid"] == ["10001"] * 4
        assert status["Groups"] == []
        assert {status[kind][0] for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, name
        assert status["NoNewPrivs"] == ["1"]


@pytest.mark.parametrize("name", ["migrate", *SERVICES])
def test_nothing_can_be_written_but_tmp(running, name):
    done = running[name].run(
        "find", "/", "-path", "/proc", "-prune", "-o", "!", "-type", "c", "!", "-type", "l", "-writable", "-print")
    # The one that migrates writes the first operator's key, and speaks to PostgreSQL by its socket.
    own = {"/run/operator", "/run/operator/operator.key", "/run/postgresql/.s.PGSQL.5432"} if name == "migrate" else set()
    assert set(done.stdout.split()) == {"/tmp"} | own
    for place in ("/opt/guanxi/x", "/etc/passwd", "/x"):
        assert running[name].run("sh", "-c", f"echo x >>{place}").returncode != 0


def test_it_works(operator):
    slug = "contained"
    operator.ok("POST", "/v1/tenants", {"slug": slug, "name": slug, "timeZone": "Asia/Shanghai", "currency": "CNY"})
    made = operator.ok("POST", f"/v1/tenants/{slug}/api-keys", {"name": "test", "role": "admin"})
    api = Caller(8080, made["key"])
    lead = api.ok("POST", "/v1/leads", {"company": "廣州海風貿易有限公司", "person": "王小明", "source": "website"})
    # Found by pinyin, and known again in simplified characters: ICU's and OpenCC's data are in the image.
    assert [item["id"] for item in api.ok("GET", "/v1/leads?q=haifeng")["items"]] == [lead["id"]]
    again = api.ok("POST", "/v1/leads", {"company": "广州海风贸易有限公司", "person": "王小明", "source": "website"})
    assert [other["id"] for other in again["duplicates"]] == [lead["id"]]
    amount = {"amount": "50000.00", "currency": "CNY"}
    answer = api.ok("POST", f"/v1/leads/{lead['id']}/convert", {"opportunity": {"amount": amount}})
    assert answer["opportunityId"]
    wait_for(lambda: counted(api) == (2, 1))


def counted(api):
    """(created, converted) of the leads' report."""
    total = api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]
    return total["created"], total["converted"]


def test_the_operators_tool_runs_in_it(running, operator):
    tool = running["gateway"]
    done = tool.run("env", f"GUANXI_OPERATOR_KEY={operator.key}", "guanxi", "status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in SERVICES)


# MARK: the database

def test_services_log_in_without_rights_over_the_cluster(running, server):
    """The same is looked for in every role by `guanxi isolation verify`; these are the ones that came in."""
    rights = "rolsuper or rolcreatedb or rolbypassrls or rolreplication or rolinherit"
    sessions = server.psql("postgres", f"""
        select distinct usename, {rights} from pg_stat_activity join pg_roles on rolname = usename
        where datname like 'guanxi_%'""")
    assert {line.partition("|")[0].split("_")[1] for line in sessions} >= set(SERVICES)
    assert [line for line in sessions if not line.endswith("|f")] == []


def test_what_services_know_opens_no_superuser(running, server):
    known = VARIABLES["GUANXI_DATABASE_PASSWORD"]
    for login, password, refused in [
            ("guanxi_leads_app_1", known, False), ("guanxi_leads_app_1", "another", True), ("postgres", known, True)]:
        done = subprocess.run(
            ["psql", "-X", "-c", "select 1", f"postgresql://{login}:{password}@127.0.0.1/guanxi_leads"],
            capture_output=True, text=True)
        assert ("password authentication failed" in done.stderr) == refused == (done.returncode != 0), (login, done.stderr)
    for name in SERVICES:
        environment = as_root("cat", f"/proc/{running[name].pid}/environ").stdout
        assert known in environment and VARIABLES["POSTGRES_PASSWORD"] not in environment
        assert as_root("test", "-e", f"/proc/{running[name].pid}/root/run/postgresql/.s.PGSQL.5432", check=False).returncode


# MARK: the end

def test_sigterm_ends_each_within_five_seconds(running):
    for name in SERVICES:
        start = time.monotonic()
        assert running[name].stop(5) == 0, running[name].last_words()
        assert not running[name].healthy()
        print(f"{name}: {time.monotonic() - start:.2f} s")
