"""One running platform on the embedded log for every file that does no harm to it."""

import os

import pytest
from calls import Platform


@pytest.fixture(scope="session")
def platform():
    # Files run beside each other in processes of their own, each with one.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    # The tests guess more than anybody may.
    platform = Platform(f"api-test-{worker}", settings={"GUANXI_RATE_LIMIT_ADDRESS": "100000"})
    yield platform
    platform.system.stop(keep=False)
