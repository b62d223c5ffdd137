"""How many examples properties are tried with: the same few, or with MIXER_FUZZ=N N random ones."""

import os

FUZZ = int(os.environ.get("MIXER_FUZZ", "0"))


def examples(count: int) -> int:
    """`max_examples` of a test that usually takes `count`."""
    return FUZZ or count
