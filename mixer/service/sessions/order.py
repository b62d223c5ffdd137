"""What the API is asked to record or remix, checked (contract 3.1), and in a recorder's words."""

from __future__ import annotations

from dataclasses import dataclass

from ...recorder.plan import MIX_ID
from ...records.models import Mix
from ..applications import ApplicationSettings
from ..errors import ApiError
from ..recording_choice import RecordingFormat
from ..web_addresses import DEFAULT_LAYOUT as DEFAULT
from ..web_addresses import layout_of

MIN_SIDE, MAX_SIDE = 390, 1920
MAX_NAME_CHARS = 200
RAW_ID = "raw"  # in the plan of a recording that is not rendered: all parts are one


@dataclass(frozen=True, slots=True)
class MixOrder:
    """As asked for; sizes in pixels. `layout_url` None: the application's, or the default one."""

    mix_id: str = DEFAULT
    layout_url: str | None = None
    layout_name: str | None = None
    width: int = 1920
    height: int = 1080


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that was checked, with what it means: `layout` as `mixer record` takes it."""

    mix_id: str
    layout: str
    layout_url: str | None
    layout_name: str | None
    width: int
    height: int

    def is_of(self, mix: Mix) -> bool:
        """Whether a mix that runs is what is asked for: a request that was sent once more."""
        return (self.mix_id, self.layout_url, self.layout_name, self.width, self.height) == (
            mix.mix_id,
            mix.layout_url,
            mix.layout_name,
            mix.width,
            mix.height,
        )


def checked(
    order: MixOrder,
    settings: ApplicationSettings,
    format: RecordingFormat,
    *,
    live: bool,
    allow_private: bool,
) -> Wish:
    """Raises ApiError 400 that says what to change."""
    mix_id = order.mix_id or DEFAULT
    if not MIX_ID.fullmatch(mix_id):
        sentence = "mixId: use 1 to 100 letters, digits, dots, dashes or underscores."
        raise ApiError(400, 3001, "INVALID_MIX_ID", sentence)
    for name, side in (("width", order.width), ("height", order.height)):
        if not MIN_SIDE <= side <= MAX_SIDE:
            sentence = f"{name} {side}: give {MIN_SIDE} to {MAX_SIDE} pixels."
            raise ApiError(400, 3002, "INVALID_SIZE", sentence)
    if order.layout_name is not None and len(order.layout_name) > MAX_NAME_CHARS:
        sentence = f"layoutName: at most {MAX_NAME_CHARS} characters."
        raise ApiError(400, 3003, "INVALID_LAYOUT", sentence)
    url, layout = None, DEFAULT
    if live and format != "mp3":
        url = order.layout_url or settings.layout_url
        try:
            layout = layout_of(url, allow_private=allow_private)
        except ValueError as error:
            named = f" of layoutName {order.layout_name!r}" if order.layout_name else ""
            raise ApiError(400, 3003, "INVALID_LAYOUT", f"layoutUrl{named}: {error}.") from None
    size = order.width // 2 * 2, order.height // 2 * 2  # chroma planes are half as wide and high
    return Wish(mix_id, layout, url, order.layout_name, *size)


def layout_of_mix(mix: Mix, *, allow_private: bool) -> str:
    """The layout of a row; a page that is no more allowed is the default layout."""
    try:
        return layout_of(mix.layout_url, allow_private=allow_private)
    except ValueError:
        return DEFAULT
