"""Settings for all tests."""

import os

from hypothesis import HealthCheck, settings

# Timings belong in benchmarks: on a busy machine a deadline would fail a correct program. CI
# tries the same examples every time, so that a failure there can be repeated anywhere.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
