"""The files of deploy/container agree with each other and with the services; `make container-test` runs what they say."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Container"))
from compose import FILES, SERVICES, compose, dockerfile, packages, user  # noqa: E402

BIN = ROOT / ".build" / os.environ.setdefault("GUANXI_BUILD", "debug")
OURS = ("migrate", *SERVICES)
# Secrets are words that are looked for.
SECRETS = {"POSTGRES_PASSWORD": "word-one", "GUANXI_DATABASE_PASSWORD": "word-two", "GUANXI_SECRET": "word-three"}


@pytest.fixture(scope="module")
def services():
    return compose(SECRETS)


def test_the_image_and_the_root_file_system_are_made_alike():
    instructions, script = dockerfile(), (FILES / "rootfs.sh").read_text()
    stages = " ".join(rest for name, rest in instructions if name == "FROM")
    assert stages == "debian:12-slim AS base base AS prebuilt ${SWIFT} AS build base"
    runs = [rest for name, rest in instructions if name == "RUN"]
    # The one way to packages and to the user, and the one way to the executables.
    assert runs[0].endswith(" /install/install.sh") and "deploy/container/stage.sh" in runs[-1]
    assert [rest for name, rest in instructions if name == "COPY" and "/opt/guanxi/" in rest] == [
        ".build/container /opt/guanxi/", "--from=build /guanxi/.build/container /opt/guanxi/"]
    assert 'cp "$HERE/install.sh" "$HERE/packages.txt" "$work/"' in script and "/install/install.sh >" in script
    assert '"$HERE/stage.sh"' in script and '"$ROOT/.build/container" "$target/opt/guanxi"' in script
    assert "apt-get install" not in script and "useradd" not in script
    install = (FILES / "install.sh").read_text()
    assert install.count("packages.txt") == 1 and install.count("apt-get install") == 1


def test_the_user_is_a_number_and_not_root():
    uid, gid = user().split(":")
    assert [rest for name, rest in dockerfile() if name == "USER"] == ["10001:10001"]
    assert f"--gid {gid} guanxi" in (FILES / "install.sh").read_text()
    assert f"useradd --uid {uid} --gid {gid} --no-create-home" in (FILES / "install.sh").read_text()


def test_no_package_is_for_building():
    assert packages() and not [name for name in packages() if name.endswith("-dev")]


def test_what_is_copied_is_in_the_context():
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name, rest in dockerfile():
        if name == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert any(place == source or place.startswith(source + "/") or source.startswith(place + "/")
                           for place in allowed), source


@pytest.mark.parametrize("name", OURS)
def test_a_container_has_no_privileges(services, name):
    service = services[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"] and service["tmpfs"] == ["/tmp"]
    assert set(service) <= {
        "image", "read_only", "cap_drop", "security_opt", "tmpfs", "restart", "stop_grace_period", "depends_on",
        "command", "environment", "ports", "healthcheck", "volumes"}
    assert "volumes" not in service or name == "migrate"
    assert ("ports" in service) == (name == "gateway")


def test_the_others_have_none_either(services):
    for name in set(services) - set(OURS):
        assert services[name]["cap_drop"] == ["ALL"] and "ports" not in services[name]
        assert services[name]["security_opt"] == ["no-new-privileges:true"] and "privileged" not in services[name]


@pytest.mark.parametrize("name", SERVICES)
def test_settings_are_those_of_the_service(services, name):
    known = subprocess.run([str(BIN / name), "--help"], check=True, capture_output=True, text=True).stdout
    settings = services[name]["environment"]
    assert set(settings) <= set(re.findall(r"[A-Z]+(?:_[A-Z]+)+", known))
    # At the ports that the service has by default, on all of the container's addresses.
    for setting in ("GUANXI_LISTEN", "GUANXI_INTERNAL_LISTEN"):
        port = re.search(rf"default 127\.0\.0\.1:(\d+)\n *environment: {setting}\n", known).group(1)
        assert settings[setting] == f"0.0.0.0:{port}"
        exposed = [rest.split() for kind, rest in dockerfile() if kind == "EXPOSE"][0]
        assert port in exposed
    assert services[name]["healthcheck"]["test"] == ["CMD", "healthy", port]
    for setting, value in settings.items():
        if match := re.fullmatch(r"GUANXI_(\w+?)(_INTERNAL)?_URL", setting):
            other = services.get(match.group(1).lower())
            if other and match.group(1) != "DATABASE":
                listens = other["environment"][f"GUANXI{match.group(2) or ''}_LISTEN"]
                assert value == f"http://{match.group(1).lower()}:{listens.rpartition(':')[2]}"


def documented():
    """The words of each `docker compose` command that the documentation shows."""
    text = (ROOT / "docs" / "operations.md").read_text()
    lines = re.findall(r"^(docker compose .*?)(?: {2,}#.*| +# .*)?$", text, re.MULTILINE)
    return [shlex.split(line)[2:] for line in lines]


def test_what_the_documentation_says_is_what_there_is(services):
    commands = documented()
    assert {words[0] for words in commands} >= {"up", "exec", "run", "stop"}
    shown = set()
    for words in commands:
        if words[0] == "stop":
            # Those that speak to the database, and not the database.
            assert set(words[1:]) == set(SERVICES)
        if words[0] not in ("exec", "run"):
            continue
        parser = argparse.ArgumentParser(exit_on_error=False)
        for option in ("-e", "-v"):
            parser.add_argument(option)
        parser.add_argument("--rm", action="store_true")
        parser.add_argument("service")
        parser.add_argument("command", nargs=argparse.REMAINDER)
        options = parser.parse_args(words[1:])
        assert options.service == ("migrate" if words[0] == "run" else "gateway"), words
        # A key by its name alone: whoever may list processes reads the command line.
        assert options.e in (None, "GUANXI_OPERATOR_KEY"), words
        if options.v:
            assert options.v.endswith(":/backups") and any(word.startswith("/backups/") for word in options.command), words
        if options.command:
            # `tenant backup nanhua` begins with a command of two words, `migrate --contract` with one of one.
            length = 2 if re.fullmatch("[a-z]+", "".join(options.command[2:3])) else 1
            text = subprocess.run(
                [str(BIN / "guanxi"), *options.command[1:1 + length], "--help"], check=True, capture_output=True,
                text=True).stdout
            assert {word for word in options.command if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", text)), words
            shown.add(" ".join(options.command[1:3]))
    assert shown >= {"tenant backup", "migrate --contract", "migrate --event-log", "analytics rebuild"}


def test_each_knows_only_its_own_secrets(services):
    for name, service in services.items():
        known = {secret for secret, word in SECRETS.items() if word in str(service)}
        assert known == (
            {"GUANXI_DATABASE_PASSWORD", "GUANXI_SECRET"} if name in SERVICES else
            {"migrate": {"GUANXI_DATABASE_PASSWORD"}, "postgres": {"POSTGRES_PASSWORD"}}.get(name, set()))
    text = (FILES / "compose.yaml").read_text()
    assert not re.search(r"(PASSWORD|SECRET):\s+[^$\s]", text)
