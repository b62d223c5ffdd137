"""ICE and DTLS-SRTP of one connection: decrypted RTP and RTCP come out, RTCP goes in, and of one
that publishes (mixer/publish) RTP, too.

The only module of this program that touches aiortc's and aioice's inside. It takes from them what
they do well (ICE, DTLS, SRTP keys) and leaves out their receivers: aiortc's router, jitter buffer
and decoder are not in the way of a packet, and the packet's arrival is stamped in the socket's own
callback, before aioice tries to read it as STUN (which also loses an RTP packet whose sequence
number happens to equal its length less 20). `tests/ingest/test_ingest_transport.py` fails when the
inside that is used here changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pylibsrtp
import structlog
from aiortc import RTCIceServer
from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceParameters, RTCIceTransport
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from mixer.conference.ice import IceServer
from mixer.errors import ConferenceUnreachable
from mixer.ingest.rtp import is_rtcp
from mixer.ingest.sdp import Peer

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 8.0
MAX_OUTGOING = 64  # RTCP packets not yet sent; more are dropped

_certificate: list[RTCCertificate] = []


class PacketSink(Protocol):
    """Who takes the decrypted packets; called in the socket's callback: must be quick."""

    def rtp(self, data: bytes, arrival_ns: int) -> None: ...

    def rtcp(self, data: bytes, arrival_ns: int) -> None: ...


class MediaTransport:
    """One ICE/DTLS connection. `gather`, `connect`, later `close`; `ended` is set when it dies.

    `offering`: the session's description is offered by us, not answered.
    """

    def __init__(
        self,
        sink: PacketSink,
        ice_servers: Sequence[IceServer] = (),
        *,
        offering: bool = False,
    ) -> None:
        servers = [
            RTCIceServer(list(one.urls), one.username or None, one.credential or None)
            for one in ice_servers
        ]
        self.ended = asyncio.Event()
        self._sink = sink
        self._gatherer = RTCIceGatherer(iceServers=servers)
        self._gatherer._connection.ice_controlling = offering
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [_own_certificate()])
        self._dtls.on("statechange", self._state_changed)
        self._ice.on("statechange", self._state_changed)
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue(MAX_OUTGOING)
        self._sender: asyncio.Task[None] | None = None

    async def gather(self) -> Peer:
        """Our side: host candidates, and those of the given ICE servers."""
        await self._gatherer.gather()
        for protocol in self._gatherer._connection._protocols:
            taken = _first_look(self._datagram, protocol.datagram_received)
            protocol.datagram_received = taken  # type: ignore[method-assign, assignment]
        parameters = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        return Peer(
            ufrag=str(parameters.usernameFragment),
            password=str(parameters.password),
            fingerprints=tuple((p.algorithm, p.value) for p in prints if p.algorithm == "sha-256"),
            candidates=tuple(candidate_to_sdp(c) for c in self._gatherer.getLocalCandidates()),
        )

    async def connect(self, remote: Peer, *, dtls_client: bool = True) -> None:
        """Raises ConferenceUnreachable if there is no media path within CONNECT_TIMEOUT_S."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connect(remote, dtls_client)
        except TimeoutError:
            pass
        if self._dtls.state != "connected":
            raise ConferenceUnreachable(
                "no media path to the conference: UDP to its candidates is blocked, "
                "or an ICE server is needed"
            )
        self._sender = asyncio.create_task(self._send_all())

    def send(self, rtcp: bytes) -> None:
        """Sends RTCP soon; drops it when MAX_OUTGOING are waiting already."""
        with contextlib.suppress(asyncio.QueueFull):
            self._outgoing.put_nowait(rtcp)

    def send_rtp(self, packet: bytes) -> bytes | None:
        """Encrypts and sends a packet now; gives it as it was sent, None if it was not."""
        session = self._dtls._tx_srtp
        if session is None or self.ended.is_set():
            return None
        encrypted: bytes = session.protect(packet)
        self.send_again(encrypted)
        return encrypted

    def send_again(self, encrypted: bytes) -> None:
        """Sends a packet once more, as `send_rtp` gave it."""
        pair = self._gatherer._connection._nominated.get(1)
        if pair is not None and not pair.protocol.transport.is_closing():
            pair.protocol.transport.sendto(encrypted, pair.remote_addr)

    async def close(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await self._dtls.stop()
        await self._ice.stop()
        self.ended.set()

    async def _connect(self, remote: Peer, dtls_client: bool) -> None:
        if remote.lite:
            self._gatherer._connection.ice_controlling = True
        for text in remote.candidates:
            await self._ice.addRemoteCandidate(candidate_from_sdp(text))
        await self._ice.addRemoteCandidate(None)
        await self._ice.start(RTCIceParameters(remote.ufrag, remote.password, remote.lite))
        if self._ice.state != "completed":
            return
        self._dtls._set_role("client" if dtls_client else "server")
        prints = [RTCDtlsFingerprint(a.lower(), v) for a, v in remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(prints, "server" if dtls_client else "client"))

    def _datagram(self, data: bytes) -> bool:
        """Takes what is SRTP or SRTCP (RFC 7983); the rest is for ICE and DTLS."""
        if not 127 < data[0] < 192:
            return False
        arrival_ns = time.monotonic_ns()
        session = self._dtls._rx_srtp
        if session is None:
            return True
        try:
            if is_rtcp(data):
                self._sink.rtcp(session.unprotect_rtcp(data), arrival_ns)
            else:
                self._sink.rtp(session.unprotect(data), arrival_ns)
        except pylibsrtp.Error:
            pass  # a packet twice, or nobody's
        return True

    async def _send_all(self) -> None:
        while True:
            data = await self._outgoing.get()
            with contextlib.suppress(ConnectionError, pylibsrtp.Error):
                await self._dtls._send_rtp(data)

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed") or self._ice.state in ("closed", "failed"):
            self.ended.set()


def prepare() -> None:
    """Makes what every connection needs and takes long: before joining, not after."""
    _own_certificate()


def _first_look(
    take: Callable[[bytes], bool], otherwise: Callable[[bytes, Any], None]
) -> Callable[[bytes, Any], None]:
    def datagram_received(data: bytes, address: Any) -> None:
        if data and not take(data):
            otherwise(data, address)

    return datagram_received


def _own_certificate() -> RTCCertificate:
    """One certificate a process: making one costs more than a connection."""
    if not _certificate:
        _certificate.append(RTCCertificate.generateCertificate())
    return _certificate[0]
