"""One running platform on the embedded log for every file that does no harm to it."""

import pytest
from calls import Platform


@pytest.fixture(scope="session")
def platform():
    platform = Platform()
    yield platform
    platform.system.stop(keep=False)
