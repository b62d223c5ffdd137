"""One recording session: join, ingest, one render a mix, stop, result."""

from .plan import MixPlan, Plan, RecordFolder, mix_from, parse_format, parse_mix, parse_size
from .session import Recorder
from .settings import RecordSettings, Status

__all__ = [
    "MixPlan",
    "Plan",
    "RecordFolder",
    "RecordSettings",
    "Recorder",
    "Status",
    "mix_from",
    "parse_format",
    "parse_mix",
    "parse_size",
]
