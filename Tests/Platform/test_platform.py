"""The whole platform as processes, from outside, on the project's own small samples.

The long forms: `make test-data DATA=…` for the public data sets, `Tests/Api/fuzz.py` for more calls.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from system import BESIDE, System  # noqa: E402


def run(script, *arguments, environment=None):
    """Runs one of our scripts; what it printed is the failure's text."""
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments], env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert done.returncode == 0, "\n".join(done.stdout.splitlines()[-60:])


@pytest.mark.parametrize("log", ["kafka", "postgres"])
def test_the_main_job_with_every_service_killed_once(log):
    if log == "kafka" and not ("KAFKA_HOME" in os.environ or BESIDE.is_dir()):
        pytest.skip("no Kafka: set KAFKA_HOME")
    run("Tests/RealData/run.py", "--logs", log, "--kill-every", "0.2")


def test_no_generated_call_breaks_the_api():
    system = System("fuzz", "postgres")
    try:
        system.start()
        run("Tests/Api/fuzz.py", "--seed", "1", "--examples", "8", "--seconds", "60", "--phases", "fuzzing",
            "--checks", "not_a_server_error", "status_code_conformance", "content_type_conformance",
            "response_schema_conformance", environment=system.environment())
    finally:
        system.stop(keep=False)
