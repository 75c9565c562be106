"""Fixtures shared by all tests. Missing infrastructure fails a test; it never skips it."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.harness.platform import Installation, Platform, new_installation, running_platform

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """A real Postgres and a real Kafka."""
    with running_platform() as running:
        yield running


@pytest.fixture
def installation(platform: Platform) -> Iterator[Installation]:
    """A migrated database and fresh topics for this test alone."""
    with new_installation(platform) as new:
        yield new


@pytest.fixture
def database_url(installation: Installation) -> str:
    return installation.database_url


@pytest.fixture
def bootstrap_servers(installation: Installation) -> str:
    return installation.platform.bootstrap


@pytest.fixture
def topic_prefix(installation: Installation) -> str:
    return installation.topic_prefix


@pytest.fixture
def settings_env(installation: Installation) -> dict[str, str]:
    """The environment of a service of this installation."""
    return installation.environment
