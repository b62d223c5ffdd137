"""Settings that hold for all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz import FUZZ, examples
from tests.instruments.postgresql import running_postgresql

# The machines are shared and slow at times: no test may fail for being slow. The same examples in
# every run: what fails was broken by a change.
settings.register_profile(
    "mixer",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not FUZZ,
    max_examples=examples(100),
    print_blob=bool(FUZZ),
)
settings.load_profile("mixer")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a cluster for all tests that want a database in it."""
    with running_postgresql() as address:
        yield address
