"""Logs are JSON lines for programs, and tell no secrets when something goes wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from mixer.service.logs import configure_logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, ours = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**ours)


def _fail() -> None:
    token = "hush"
    raise ValueError(f"it has {len(token)} characters")


@pytest.mark.parametrize("as_json", [True, False])
def test_failures(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is in the line, the variables of its frames are not."""
    configure_logs("info", as_json)
    try:
        _fail()
    except ValueError:
        structlog.get_logger().exception("it.failed", conference="c")
        logging.getLogger("library").error("oh dear", exc_info=True)
    told = capsys.readouterr().err
    assert "it has 4 characters" in told and "_fail" in told
    assert "'hush'" not in told.replace('token = "hush"', "")
    if as_json:
        ours, theirs = (json.loads(line) for line in told.splitlines())
        assert list(ours)[:3] == ["timestamp", "level", "event"]
        assert (ours["event"], ours["conference"], ours["level"]) == ("it.failed", "c", "error")
        assert (theirs["event"], theirs["logger"]) == ("oh dear", "library")


def test_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is asked for."""
    configure_logs("warning", True)
    structlog.get_logger().info("quiet")
    assert capsys.readouterr().err == ""
