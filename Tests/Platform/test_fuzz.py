"""A short form of `make fuzz`: the same calls, made up from the API document, in every run."""

import subprocess
import sys

from calls import ROOT

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]


def test_generated_calls_break_nothing(platform, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "Tests" / "Api" / "fuzz.py"), "--phases", "fuzzing", "--seed", "2026",
         "--examples", "6", "--report", str(tmp_path / "fuzz.xml"), "--checks", *CHECKS],
        env=platform.system.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, "\n".join(line[:300] for line in done.stdout.partition(" WARNINGS ")[0].splitlines())
    for service in ("gateway", "leads", "opportunities", "customers", "analytics"):
        assert platform.internal(service).send("GET", "/health/ready")[0] == 200
