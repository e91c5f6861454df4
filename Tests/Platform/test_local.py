"""`make run`, `make restore` and `make clean` on this machine, as far as its stores go."""

import os
import subprocess
from pathlib import Path

import pytest
from calls import ROOT
from system import BESIDE, is_running

LOCAL = ROOT / "deploy" / "local"


class Stores:
    """The stores of an installation in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        # As a shell has it where nothing was said.
        self.settings = {name: value for name, value in os.environ.items()
                         if not name.startswith(("GUANXI_", "KAFKA_", "FORCE"))} | {"GUANXI_RUN_DIR": str(folder)}

    def run(self, *command, script="guanxi-local", code=0, **settings):
        done = subprocess.run(
            [str(LOCAL / script), *command], env=self.settings | settings, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sourced(self, *command, **settings):
        """In a shell that has read what the installation wrote for it."""
        done = subprocess.run(
            ["bash", "-c", 'set -a; . "$GUANXI_RUN_DIR/guanxi.env"; set +a; exec "$0" "$@"', LOCAL / "guanxi-local", *command],
            env=self.settings | settings, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def postgres(self):
        return int((Path(self.run("data", script="postgres.sh").strip()) / "postmaster.pid").read_text().split()[0])


@pytest.fixture
def stores():
    stores = Stores(ROOT / ".run" / "stores-test")
    stores.run("clean", FORCE="1")
    yield stores
    stores.run("clean", FORCE="1")


@pytest.fixture
def hidden(tmp_path):
    """Where PostgreSQL's own user may not go, which is where root's checkout often is."""
    tmp_path.chmod(0o700)
    stores = Stores(tmp_path / "run")
    yield stores
    stores.run("clean", FORCE="1")


def test_a_shell_that_knows_the_private_broker_starts_it_again(stores):
    kafka = os.environ.get("KAFKA_HOME") or (str(BESIDE) if BESIDE.is_dir() else None)
    if kafka is None:
        pytest.skip("no Kafka: set KAFKA_HOME")
    assert "started from" in stores.run("stores", KAFKA_HOME=kafka)
    stores.sourced("down")
    shown = stores.sourced("stores", KAFKA_HOME=kafka)
    assert f"started from {kafka}" in shown
    assert is_running(int((stores.folder / "kafka" / "pid").read_text()))
    # And brokers that are somebody else's are left to them.
    stores.sourced("down")
    shown = stores.run("stores", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", GUANXI_EVENT_LOG="kafka", KAFKA_HOME=kafka)
    assert "at 127.0.0.1:1\n" in shown and not (stores.folder / "kafka" / "pid").exists()
    assert "at 127.0.0.1:1\n" in stores.sourced("stores", KAFKA_HOME=kafka)


def test_what_is_there_without_a_word_is_not_said_to_the_next_start(stores):
    assert "embedded" in stores.run("stores")
    assert "embedded" in stores.sourced("stores")
    # So that what is said then counts. (Whether the log may be another one is asked where it is known what it was.)
    assert "at 127.0.0.1:1\n" in stores.sourced("stores", KAFKA_HOME="/nowhere", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")


def test_a_restore_that_is_refused_leaves_no_mark(hidden, stores):
    for installation in (hidden, stores):
        installation.run("stores")
        data = Path(installation.run("data", script="postgres.sh").strip())
        assert (data / "PG_VERSION").exists()
        installation.run("backup")
        assert f"in {data.parent}: backups/ has 1," in installation.run("backup", "1")
        assert "nothing was changed" in installation.run("restore", "2001-01-01T00:00:00Z", code=1)
        assert not (installation.folder / "restored").exists()
        assert (installation.folder / "postgres" / "data").samefile(data)
        # One that an earlier restore left stays.
        (installation.folder / "restored").touch()
        installation.run("restore", "2001-01-01T00:00:00Z", code=1)
        assert (installation.folder / "restored").exists()


def test_backups_are_not_removed_without_a_word(stores):
    inner = Stores(stores.folder / "second-server" / "inner")
    for installation in (stores, inner):
        installation.run("stores")
    # Below another folder, and running.
    running = [stores.postgres, inner.postgres]
    inner.run("backup")
    backup = inner.run("backups", script="postgres.sh").strip()
    assert backup
    shown = stores.run("clean", code=1)
    assert "make clean FORCE=1" in shown and backup in shown
    assert all(is_running(process) for process in running) and inner.run("backups", script="postgres.sh").strip() == backup
    stores.run("clean", FORCE="1")
    assert not any(is_running(process) for process in running) and not stores.folder.exists()


def test_all_that_runs_below_goes_with_it(stores):
    inner = Stores(stores.folder / "move-test")
    for installation in (stores, inner):
        installation.run("stores")
    running = [stores.postgres, inner.postgres]
    stores.run("clean")
    assert not any(is_running(process) for process in running) and not stores.folder.exists()
