"""What holds for every test: neither the settings of the machine that runs it nor its speed count."""

import os

from hypothesis import HealthCheck, settings

for name in [name for name in os.environ if name.startswith(("POSTERITY_", "AWS_"))]:
    del os.environ[name]

settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
