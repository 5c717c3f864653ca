"""What holds for every test: neither the settings of the machine that runs it nor its speed count."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

for name in [name for name in os.environ if name.startswith(("POSTERITY_", "AWS_"))]:
    del os.environ[name]

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that share a name, only one would run where they are spread over processes."""
    if twice := [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]:
        raise pytest.UsageError(f"several tests are called {', '.join(twice)}")
