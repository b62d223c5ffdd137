"""Parts of a mix to one file: pictures as they are, sound mixed again in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ..edit import EditList
from ..encode.audio import AacWriter
from ..encode.mp4 import assemble
from ..journal import Journal
from ..sound import edited_segment

BLOCK_S = 4  # of sound, mixed at once


def merge(
    journal: Journal,
    edits: EditList,
    parts: Sequence[Path],
    out: Path,
    *,
    title: str,
    work: Path,
    keep_free: int = 0,
) -> int:
    """Writes the MP4 file `out`, whole or not at all; returns its number of frames.

    `edits`: of all parts together (`edit.joined`). Where parts meet, the sound goes and comes
    within 5 ms each. Raises RenderError where a part does not have the frames it should have or was
    encoded otherwise than the first; StorageError for the disk (`keep_free`: as `assemble` has it).
    """
    frames = edits.frames
    assert frames is not None
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work) as folder:
        sound = Path(folder) / "sound.aac"
        block = BLOCK_S * edits.fps
        with AacWriter(sound) as aac:
            for first in range(0, frames, block):
                aac.write(edited_segment(journal, edits, first, min(block, frames - first)))
        wall = journal.started_wall + edits.spans[0].start_ns / 1e9
        out.parent.mkdir(parents=True, exist_ok=True)
        assemble(
            parts,
            sound,
            out,
            fps=edits.fps,
            created=datetime.fromtimestamp(wall, UTC),
            title=title,
            frames=frames,
            keep_free=keep_free,
        )
    return frames
