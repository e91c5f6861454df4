"""One running platform on the embedded log for every file that does no harm to it."""

import os

import pytest
from calls import Platform


@pytest.fixture(scope="session")
def platform():
    # The tests guess more than anybody may.
    os.environ["GUANXI_RATE_LIMIT_ADDRESS"] = "100000"
    platform = Platform()
    yield platform
    platform.system.stop(keep=False)
