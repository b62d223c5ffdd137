"""Sound that is made in one go takes a render slot, as pictures do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mixer.edit import Span
from mixer.engine.slots import Slots
from mixer.errors import MixerError
from mixer.render.audio import AudioJob
from mixer.render.audio_settings import AudioSettings
from mixer.render.settings import Workspace


def job(folder: Path, stop_ns: int | None) -> AudioJob:
    """Of a journal that is not there: it fails as soon as it begins."""
    work = Workspace(folder / "work")
    return AudioJob(folder, work, AudioSettings(), (Span(0, stop_ns),), folder / "out")


async def test_it_waits_for_a_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it follows a recording: that costs little, and lasts as long as the conference."""
    slots = Slots(tmp_path / "slots", 1)
    for name, value in slots.to_environment().items():
        monkeypatch.setenv(name, value)
    async with slots.slot():
        waiting = asyncio.create_task(job(tmp_path, 1_000_000_000).run())
        with pytest.raises(MixerError):
            await job(tmp_path / "live", None).run()
        assert not waiting.done()
    with pytest.raises(MixerError):
        await waiting
    assert slots.free() == 1
