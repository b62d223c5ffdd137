"""Appends to a journal: one `JournalWriter` for each run of an ingest process.

Callers never touch the disk: they fill buffers, and a thread of the writer's own writes them
every 100 ms and syncs them every 500 ms, media before the meta that speaks of it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .. import clock
from ..errors import StorageError
from ..lock import hold
from . import records
from .identity import identity_path, read_identity
from .model import Alignment, Event, Frame, Gap, Kind, Note, Source, Track
from .model import Codec as CodecName
from .records import Type

WRITE_EVERY_S = 0.1
SYNC_EVERY_S = 0.5
LOCK_TIMEOUT_S = 5.0
MAX_BUFFERED_BYTES = 256 << 20
TRACKS_A_RUN = 100_000


def media_path(directory: Path, run: int) -> Path:
    return directory / f"run-{run:04d}.media"


def meta_path(directory: Path, run: int) -> Path:
    return directory / f"run-{run:04d}.meta"


def lock_path(directory: Path, writer: str) -> Path:
    return directory / f"{writer}.lock"


class JournalWriter:
    """Writes one run. Not thread-safe; `frame`, `event` and the others never wait for the disk.

    Every call raises StorageError once the disk has refused a write.
    """

    def __init__(self, directory: Path, identity: dict[str, Any], run: int, lock: int) -> None:
        self.directory = directory
        self.run = run
        self._identity = identity
        self._lock_fd = lock
        self._media_fd = _create(media_path(directory, run))
        self._meta_fd = _create(meta_path(directory, run))
        sync_directory(directory)
        self._media = bytearray()
        self._meta = bytearray()
        self._media_length = 0
        self._arrived_ns = 0
        self._tracks = 0
        self._watermark_ns = 0
        self._failure: OSError | None = None
        self._closing = False
        self._swap = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._write_loop, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def create(cls, directory: Path, *, conference: str, writer: str = "ingest") -> JournalWriter:
        """Starts the next run in `directory`, which is made if it is not there.

        Waits up to 5 s for a dying earlier writer of the same name to let go of its lock.
        Raises StorageError (unwritable, or another writer is alive), JournalTooNew and
        JournalDamaged.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = _lock(lock_path(directory, writer))
            identity = _identity(directory, conference)
            run = _next_run(directory)
            made = cls(directory, identity, run, lock)
        except OSError as error:
            raise StorageError(
                f"cannot write a journal in {directory}: {error.strerror or error}"
            ) from error
        made._append_meta(
            records.pack_json(
                Type.RUN,
                {
                    "version": records.VERSION,
                    "run": run,
                    "writer": writer,
                    "conference": conference,
                    "t_ns": made.now_ns(),
                    "wall": time.time(),
                },
            )
        )
        return made

    @property
    def media_bytes(self) -> int:
        """Bytes of media journalled by this run so far."""
        return self._media_length

    @property
    def watermark_ns(self) -> int:
        return self._watermark_ns

    def now_ns(self) -> int:
        """Journal time now. Goes on over runs of one boot; over boots by the wall clock."""
        return journal_time_ns(self._identity, clock.monotonic_ns())

    def from_monotonic_ns(self, monotonic_ns: int) -> int:
        """Journal time of a reading of the monotonic clock of this boot."""
        return journal_time_ns(self._identity, monotonic_ns)

    def track(
        self,
        *,
        participant: str,
        stream: str,
        source: Source,
        kind: Kind,
        codec: CodecName,
        clock_rate: int,
        ssrc: int = 0,
        fmtp: str = "",
    ) -> Track:
        """Announces a track; its frames may follow."""
        track = Track(
            self.next_track(), participant, stream, source, kind, codec, clock_rate, ssrc, fmtp
        )
        self.announce(track)
        return track

    def next_track(self) -> int:
        """The id of a track that may be announced later."""
        self._tracks += 1
        return self.run * TRACKS_A_RUN + self._tracks

    def announce(self, track: Track) -> None:
        """Announces a track with an id of `next_track`; its frames may follow."""
        self._append_meta(records.pack_value(track))

    def frame(self, frame: Frame) -> None:
        record = records.pack_frame(frame)
        with self._swap:
            offset = self._media_length
            self._media += record
            self._media_length += len(record)
        self._arrived_ns = max(self._arrived_ns, frame.arrival_ns)
        if frame.key and frame.width:
            self._append_meta(
                records.pack_picture(frame.track, frame.rtp, frame.width, frame.height, offset)
            )
        self._check()

    def align(self, alignment: Alignment) -> None:
        self._append_meta(records.pack_value(alignment))

    def gap(self, gap: Gap) -> None:
        self._append_meta(records.pack_value(gap))

    def event(self, event: Event) -> None:
        self._append_meta(records.pack_value(event))

    def note(self, note: Note) -> None:
        self._append_meta(records.pack_value(note))

    def watermark(self, t_ns: int) -> None:
        """From now on all media and events before `t_ns` are final. It never goes back."""
        if t_ns <= self._watermark_ns:
            return
        self._watermark_ns = t_ns
        self._append_meta(records.pack_watermark(t_ns, self._arrived_ns, self._media_length))

    def close(self, *, final: bool) -> None:
        """Writes and syncs everything. `final`: the recording ends here, at the last watermark."""
        if self._closing:
            return
        try:
            self._append_meta(
                records.pack_json(Type.END, {"final": final, "t_ns": self._watermark_ns})
            )
        finally:
            self._closing = True
            self._wake.set()
            self._thread.join()
            for fd in (self._media_fd, self._meta_fd, self._lock_fd):
                os.close(fd)
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(final=False)

    def _append_meta(self, record: bytes) -> None:
        with self._swap:
            self._meta += record
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise StorageError(
                f"cannot write to {self.directory}: {self._failure.strerror}; "
                "what was journalled before is kept"
            ) from self._failure
        if len(self._media) > MAX_BUFFERED_BYTES:
            raise StorageError(f"the disk of {self.directory} is too slow for this recording")

    def _write_loop(self) -> None:
        synced = time.monotonic()
        while True:
            self._wake.wait(WRITE_EVERY_S)
            last = self._closing
            try:
                self._write_out()
                if last or time.monotonic() - synced >= SYNC_EVERY_S:
                    os.fdatasync(self._media_fd)
                    os.fdatasync(self._meta_fd)
                    synced = time.monotonic()
            except OSError as error:
                self._failure = error
                return
            if last:
                return

    def _write_out(self) -> None:
        with self._swap:
            media, self._media = self._media, bytearray()
            meta, self._meta = self._meta, bytearray()
        try:
            _write_all(self._media_fd, media)
        finally:  # what is known of the media that did get through is worth keeping
            _write_all(self._meta_fd, meta)


def journal_time_ns(identity: dict[str, Any], monotonic_ns: int) -> int:
    """Journal time of a monotonic reading, given what journal.json says."""
    if identity["boot_id"] == clock.boot_id():
        return monotonic_ns - int(identity["monotonic_ns"])
    elapsed = time.time() - float(identity["wall"]) + (monotonic_ns - clock.monotonic_ns()) / 1e9
    return int(elapsed * clock.SECOND)


def _identity(directory: Path, conference: str) -> dict[str, Any]:
    path = identity_path(directory)
    if path.exists():
        return read_identity(directory)
    identity = {
        "format": "mixer-journal",
        "version": records.VERSION,
        "conference": conference,
        "boot_id": clock.boot_id(),
        "monotonic_ns": clock.monotonic_ns(),
        "wall": time.time(),
    }
    write_whole(path, json.dumps(identity, indent=2).encode() + b"\n")
    return identity


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, and durably. Raises StorageError."""
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _next_run(directory: Path) -> int:
    runs = [int(path.stem[4:]) for path in directory.glob("run-*.media")]
    return max(runs, default=0) + 1


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    if not hold(fd, LOCK_TIMEOUT_S):
        os.close(fd)
        raise StorageError(
            f"{path.parent} is being written by another recorder; stop that one first"
        )
    return fd


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _write_all(fd: int, data: bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_directory(directory: Path) -> None:
    """Makes names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
