"""An audio job's worker process: follows the journal and makes all files, from the beginning.

`audio.py` is its parent; `request.json` in the work folder says what to make. It may be killed at
any moment: files appear whole or not at all, and a new worker makes the same ones.

    {"command": "stop_at", "t_ns": 60000000000}    where the last part ends
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from functools import partial
from pathlib import Path

from ..engine import Port
from ..errors import MixerError, first_of
from ..journal import Journal
from .audio_making import AudioMaking
from .audio_settings import AudioRequest


def request_path(work: Path) -> Path:
    return work / "request.json"


async def serve(making: AudioMaking, port: Port) -> None:
    """Makes the files, and listens meanwhile to where they end."""
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(_listen(making, port))
        began = time.process_time()
        files = await asyncio.to_thread(making.run)
        listening.cancel()
    port.emit(
        "finished",
        files=[file.to_json() for file in files],
        frames=making.frames,
        notes=making.notes,
        cpu_s=time.process_time() - began,
    )


async def _listen(making: AudioMaking, port: Port) -> None:
    async for command in port.commands:
        if command["command"] == "stop_at":
            making.stop_at(command["t_ns"])


async def run(arguments: argparse.Namespace) -> int:
    async with Port() as port:
        loop = asyncio.get_running_loop()
        status = 0
        try:
            request = AudioRequest.load(request_path(arguments.work))
            settings = request.settings
            journal = Journal.open(
                arguments.journal, settings.without, hindsight=settings.hindsight
            )
            tell = partial(_tell, loop, port)
            making = AudioMaking(journal, request, arguments.work, tell)
            port.emit("ready")
            serving = asyncio.ensure_future(serve(making, port))
            stopping = asyncio.ensure_future(port.stopping.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                os._exit(0)  # in the middle of it: all is made again
            stopping.cancel()
            serving.result()
        except* MixerError as errors:
            error = first_of(errors)
            status = error.exit_code
            port.emit("error", message=str(error), exit_code=status)
    return status


def _tell(loop: asyncio.AbstractEventLoop, port: Port, final: int, frames: int) -> None:
    """Tells, from the working thread, how far the journal is final and how far all is encoded."""
    loop.call_soon_threadsafe(lambda: port.emit("progress", final=final, frames=frames))


def main() -> None:
    parser = argparse.ArgumentParser(prog="mixer.render.audio_worker", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    raise SystemExit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
