"""Which type a file has, by its name; how its name is told to a browser."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

_TYPES = {
    ".mp4": "video/mp4",
    ".mp3": "audio/mpeg",
    ".cue": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".zip": "application/zip",
}


def media_type_of(name: str) -> str:
    """The media type that a name's ending stands for."""
    return _TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


def attachment(filename: str) -> str:
    """Content-Disposition that saves under this name (RFC 6266; others than ASCII by RFC 8187)."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename
    )
    if plain == filename:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
