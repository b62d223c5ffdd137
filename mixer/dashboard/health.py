"""How a live recording goes, from what its recorder says of itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LAG_S = 10.0  # a render this far behind the conference does not keep up for the moment
LOSS = 0.02  # of the packets: heard and seen from here on
FREE_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Health:
    """`word`: good, starting, paused, late, losing, full, silent, elsewhere (another server
    records it). Losses since the beginning."""

    word: str
    people: int = 0
    tracks: int = 0
    rate: float = 0.0  # Mbit/s
    lost: int = 0
    loss: float = 0.0  # 0 to 1
    lag_s: float = 0.0
    recorded_s: float = 0.0
    restarts: int = 0

    @property
    def sentence(self) -> str:
        return {
            "good": "All is well",
            "starting": "Starting",
            "paused": "Paused",
            "finishing": "Finishing the files",
            "late": "The render lags behind; nothing is lost by that",
            "losing": "Packets are lost on the way here",
            "full": "The disk is nearly full",
            "elsewhere": "Another server records it, and knows how it goes",
            "silent": "The recorder does not answer; it is being looked after",
        }[self.word]


def of(state: dict[str, Any]) -> Health:
    """`state`: as `Sessions.state` tells it."""
    live = state["live"]
    if live is None or not live.get("ingest"):
        coming = state["status"] in ("recording", "idle") and not _begun(state)
        return Health("starting" if live or coming else _word_of(state["status"]))
    ingest = live["ingest"]
    packets = sum(track.get("packets") or 0 for track in ingest["tracks"])
    lost = int(ingest["lost"])
    lag_s = max((mix["lag_s"] for mix in live["mixes"].values() if mix["running"]), default=0.0)
    loss = lost / (packets + lost) if packets + lost else 0.0
    return Health(
        word=_word(state, live, lag_s, loss),
        people=int(ingest["users"]),
        tracks=len(ingest["tracks"]),
        rate=sum(track["bps"] for track in ingest["tracks"]) / 1e6,
        lost=lost,
        loss=loss,
        lag_s=lag_s,
        recorded_s=float(live["recorded_s"]),
        restarts=int(live["ingest_restarts"]),
    )


def _begun(state: dict[str, Any]) -> bool:
    return any(mix["beganAt"] for mix in state["mixes"])


def _word_of(status: str) -> str:
    return status if status in ("paused", "finishing") else "silent"


def _word(state: dict[str, Any], live: dict[str, Any], lag_s: float, loss: float) -> str:
    if state["status"] in ("paused", "finishing"):
        return str(state["status"])
    if 0 < live["free_bytes"] < FREE_BYTES:
        return "full"
    if loss > LOSS:
        return "losing"
    return "late" if lag_s > LAG_S else "good"
