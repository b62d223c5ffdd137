"""`python -m mixer.recorder.spare`: a recorder that is there before it is needed.

It has imported everything, and so have the ingest process, the page pass and the worker that it
keeps; what it is to record comes on stdin as one line of JSON, an order (settings.py), with what is
secret in it: never on a command line. Further keys of the order: `log` (a file; else stderr),
`report` (true: make one at the end). End of file instead of an order: it was not needed. After the
order stdin means nothing, and the recorder is on its own: told by control.sock and SIGTERM, watched
by its folder.

The exit code is that of the error that ended it (docs/exit-codes.md); `error.json` beside plan.json
says the same, for those who are not its parent.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import structlog

from mixer.engine import Warm, log_to
from mixer.errors import MixerError, UsageError, first_of
from mixer.journal import write_whole

# Imported for the jobs to come, which name them only when they begin.
from mixer.render import audio, merge  # noqa: F401
from mixer.render.job import warmed

from .session import Recorder
from .settings import order_from

log = structlog.get_logger()

ERROR_FILE = "error.json"
ORDER_LIMIT = 1 << 20


async def _order() -> dict[str, Any] | None:
    """The line that says what to do. Raises UsageError for one that is no JSON object."""
    line = await asyncio.to_thread(sys.stdin.buffer.readline, ORDER_LIMIT)
    try:
        order = json.loads(line) if line else None
    except ValueError:
        raise UsageError("the order is no line of JSON") from None
    if order is not None and not isinstance(order, dict):
        raise UsageError("the order is no JSON object")
    return order


async def _serve() -> tuple[Path, bool] | None:
    """Waits and records: the folder, and whether to report on it; None if it was not needed."""
    async with Warm() as warm:
        await warm.start("mixer.ingest")
        await warmed(warm)
        order = await _order()
        if order is None:
            return None
        settings = order_from(order)
        settings.out.mkdir(parents=True, exist_ok=True)
        (settings.out / ERROR_FILE).unlink(missing_ok=True)
        if order.get("log"):
            log_to(str(order["log"]))
        recorder = Recorder(settings, warm=warm)
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sig, recorder.stop)
        try:
            await recorder.run()
        except* MixerError as errors:
            error = first_of(errors)
            log.error("recorder.failed", error=str(error))
            said = {"message": str(error), "code": error.exit_code}
            write_whole(settings.out / ERROR_FILE, json.dumps(said).encode())
            if not recorder.files:
                raise error from errors
    return settings.out, bool(order.get("report", True)) and bool(recorder.files)


def main() -> int:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        found = asyncio.run(_serve())
    except MixerError as error:
        print(f"mixer: {error}", file=sys.stderr)
        return error.exit_code
    if found is not None and found[1]:
        from mixer.commands.files import report_on_files

        os.nice(10)
        report_on_files(found[0])
    return 0


if __name__ == "__main__":
    gc.freeze()
    sys.exit(main())
