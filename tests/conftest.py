"""Settings that hold for all tests."""

from hypothesis import HealthCheck, settings

# The machines are shared and slow at times: no test may fail for being slow.
settings.register_profile(
    "shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared-machine")
