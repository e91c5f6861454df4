"""The whole platform as processes, from outside, on the project's own small samples.

The long forms: `make test-data DATA=…` for the public data sets, `make fuzz` for generated calls.
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
