"""How many examples hypothesis thinks of: all, or a quarter with `--hypothesis-profile quick`.

The same ones at each run where a failure would only puzzle whoever pushed something else. No time
limit for one: the machine may be busy, and the first waits for tables of Unicode.
"""

import os

from hypothesis import HealthCheck, settings

_USUAL = 100

settings.register_profile(
    "all",
    max_examples=_USUAL,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", settings.get_profile("all"), max_examples=_USUAL // 4)
settings.load_profile("all")


def up_to(examples: int) -> settings:
    """Return the settings of a test with so many examples, or with the profile's share of them."""
    return settings(max_examples=examples * settings.default.max_examples // _USUAL)
