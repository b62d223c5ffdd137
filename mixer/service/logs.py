"""Logs of the service: one JSON object a line on stderr, or lines for people."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Without the frames' variables: tokens and names are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)
_PLAIN = structlog.dev.plain_traceback


def _in_order(logger: Any, method: str, fields: MutableMapping[str, Any]) -> dict[str, Any]:
    """When and what come first in a line, for whoever reads it as it is."""
    names = [name for name in ("timestamp", "level", "event") if name in fields]
    return {**{name: fields[name] for name in names}, **fields}


def configure_logs(level: str, as_json: bool) -> None:
    """Ours and what libraries log by the standard library (warnings and worse)."""
    rendering: list[Any] = (
        [_TRACEBACKS, _in_order, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_PLAIN)]
    )
    structlog.configure(
        processors=[*_SHARED, *rendering],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
