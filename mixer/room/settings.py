"""What a conference server is told at its start, as one frozen value. Read once, by `run_room`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mixer.conference.ice import IceServer
from mixer.errors import UsageError


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """Everything `run_room` needs. `port` 0 takes a free one.

    `public_url` is where browsers reach this server when that is not `host:port` (a reverse
    proxy): it is printed, and its origin is accepted. Media goes by UDP between the browsers and
    Janus directly, from `rtp_ports`, on all interfaces or only on `ice_interfaces` (names or
    addresses); behind 1:1 NAT, `nat_1_1` is the address to announce.
    """

    host: str = "127.0.0.1"
    port: int = 8710
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_self_signed: bool = False
    public_url: str | None = None
    janus: Path = Path("/usr/bin/janus")
    ice_servers: tuple[IceServer, ...] = ()
    rtp_ports: tuple[int, int] = (20000, 40000)
    ice_interfaces: tuple[str, ...] = ()
    nat_1_1: str | None = None
    log_dir: Path | None = None  # of janus.log; default: $XDG_STATE_HOME/mixer
    bitrate_bps: int = 2_000_000  # upper bound of one publisher's video
    max_rooms: int = 200
    max_participants: int = 100  # of one room
    mixer_token: str = ""  # what a mixer has to show; '': anybody may join as a mixer
    grace_s: float = 5.0  # how long a participant may be unreachable before having left

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("--tls-cert and --tls-key go together: give both or none")
        if self.tls_cert is not None and self.tls_self_signed:
            raise UsageError("--tls-self-signed excludes --tls-cert: give one of them")
        low, high = self.rtp_ports
        if low < 1024 or high > 65535 or high - low < 10:
            raise UsageError("the range of RTP ports needs 1024 <= LOW, LOW + 10 <= HIGH <= 65535")
        if self.public_url is not None and not re.match(r"https?://[^/]+", self.public_url):
            raise UsageError(f"--public-url {self.public_url!r}: give http(s)://HOST[:PORT]")

    @property
    def secure(self) -> bool:
        return self.tls_self_signed or self.tls_cert is not None
