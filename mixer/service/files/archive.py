"""Everything of a conference as one ZIP, made while it is downloaded: no second copy anywhere.

Members are stored as they are, video and MP3 do not get smaller; sizes come behind them, since the
client's end of the line cannot be written over (APPNOTE 6.3.10, bit 3 of the general flags).
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import IO, Any, cast

from sqlalchemy import Row

from ...storage import Storage

BIG_BYTES = 1 << 31


class _Outgoing:
    """What zipfile writes, until it is taken. Cannot be sought: zipfile notices."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> int:
        self._blocks.append(bytes(block))
        return len(block)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self._blocks = b"".join(self._blocks), []
        return taken


async def zipped(storage: Storage, files: Sequence[Row[Any]]) -> AsyncIterator[bytes]:
    """The ZIP's bytes. Raises StorageError within, which breaks the download off."""
    outgoing = _Outgoing()
    with zipfile.ZipFile(cast(IO[bytes], outgoing), "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            at = datetime.fromtimestamp(max(file.start_time / 1000, 315_532_800), UTC)
            entry = zipfile.ZipInfo(file.filename, at.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=file.size >= BIG_BYTES) as member:
                async for block in storage.blocks(file.object_key):
                    member.write(block)
                    yield outgoing.take()
            yield outgoing.take()
    yield outgoing.take()
