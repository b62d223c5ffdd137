"""Single pictures of videos, as JPEG: posters, and what a live recording shows now."""

from __future__ import annotations

import io
from pathlib import Path

WIDTH = 640
QUALITY = 82
POSTER_AT = 0.4  # of the video's length: people have joined, and not left


def poster(path: Path) -> bytes | None:
    """A key picture from the middle. None for what has no picture."""
    return _picture(path, POSTER_AT)


def newest(segments: Path) -> Path | None:
    """The last whole segment of a mix that is being rendered; None while there is none.

    Segments appear under their name when they are whole, and are named by their number.
    """
    try:
        whole = sorted(one for one in segments.iterdir() if one.suffix == ".mp4")
    except OSError:
        return None
    return next((one for one in reversed(whole) if _bytes(one)), None)


def of_segment(path: Path) -> bytes | None:
    """Its first picture, which decodes without any other."""
    return _picture(path, 0.0)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # merged and gone meanwhile
        return 0


def _picture(path: Path, share: float) -> bytes | None:
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            if share and container.duration:
                container.seek(int(container.duration * share))
            for frame in container.decode(stream):
                width = min(WIDTH, frame.width) // 2 * 2
                height = max(2, round(frame.height * width / frame.width) // 2 * 2)
                picture = frame.to_image(  # type: ignore[no-untyped-call]
                    width=width, height=height
                )
                into = io.BytesIO()
                picture.save(into, "JPEG", quality=QUALITY)
                return into.getvalue()
    except (OSError, IndexError, av.error.FFmpegError):
        return None
    return None
