"""The tests' own hands: what they start is not left running."""

import pytest
from calls import Platform, Server
from system import System


@pytest.mark.parametrize("reaches", ["start", "environment"])
def test_a_platform_that_starts_by_half_is_stopped(monkeypatch, reaches):
    done = []

    def fail(self):
        raise OSError("no port is free")

    monkeypatch.setattr(System, "start", lambda self: done.append("start"))
    monkeypatch.setattr(System, "stop", lambda self, keep: done.append("stop"))
    monkeypatch.setattr(System, reaches, fail)
    with pytest.raises(OSError, match="no port"):
        Platform("never-there")
    assert done[-1] == "stop"


def test_a_server_begins_without_what_an_earlier_one_left(tmp_path):
    first = Server(tmp_path / "server")
    try:
        first.psql("postgres", "create database left_behind")
        # Nobody destroyed it: its run was killed.
        second = Server(tmp_path / "server")
        assert second.psql("postgres", "select 1 from pg_database where datname = 'left_behind'") == []
    finally:
        first.script("destroy")
