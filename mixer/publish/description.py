"""The SDP of what we send: writes the offer, reads the SFU's answer (RFC 9429). Pure.

One codec a section, one bundle, sound first. The counterpart of mixer/ingest/sdp.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mixer.errors import UnsupportedCodec
from mixer.ingest.sdp import AUDIO_LEVEL, Peer, parse_offer
from mixer.journal.model import Codec, Kind

LEVEL_ID = 1


@dataclass(frozen=True, slots=True)
class Section:
    """One media section to be sent."""

    kind: Kind
    codec: Codec

    @property
    def payload_type(self) -> int:
        return {"opus": 111, "vp8": 96, "h264": 97}[self.codec]

    @property
    def clock_rate(self) -> int:
        return 48000 if self.codec == "opus" else 90000


@dataclass(frozen=True, slots=True)
class Answer:
    peer: Peer
    dtls_client: bool  # we are: the SFU waits for our handshake
    levels: bool  # audio levels are wanted


_ENCODINGS = {
    "opus": ("opus/48000/2", "minptime=10;useinbandfec=1"),
    "vp8": ("VP8/90000", ""),
    "h264": (
        "H264/90000",
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    ),
}


def write_offer(sections: Sequence[Section], ssrcs: Sequence[int], local: Peer, cname: str) -> str:
    """Send-only; section n has the mid str(n) and the SSRC ssrcs[n]."""
    mids = " ".join(str(number) for number in range(len(sections)))
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {mids}"]
    for number, (section, ssrc) in enumerate(zip(sections, ssrcs, strict=True)):
        lines += _section(str(number), section, ssrc, local, cname)
    return "\r\n".join(lines) + "\r\n"


def _section(mid: str, section: Section, ssrc: int, local: Peer, cname: str) -> list[str]:
    type_ = section.payload_type
    encoding, parameters = _ENCODINGS[section.codec]
    lines = [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {type_}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        "a=sendonly",
        "a=rtcp-mux",
        f"a=rtpmap:{type_} {encoding}",
        f"a=rtcp-fb:{type_} nack",
    ]
    lines += [f"a=fmtp:{type_} {parameters}"] if parameters else []
    lines += [f"a=rtcp-fb:{type_} nack pli"] if section.kind == "video" else []
    lines += [f"a=extmap:{LEVEL_ID} {AUDIO_LEVEL}"] if section.kind == "audio" else []
    lines += [f"a=msid:{cname} {section.kind}", f"a=ssrc:{ssrc} cname:{cname}"]
    lines += [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}"]
    lines += [f"a=fingerprint:{algorithm} {value}" for algorithm, value in local.fingerprints]
    lines += ["a=setup:actpass"]
    lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
    return [*lines, "a=end-of-candidates"]


def read_answer(text: str, sections: Sequence[Section]) -> Answer:
    """Raises UnsupportedCodec if the room takes one of the sections not."""
    try:
        answer = parse_offer(text)
    except ValueError as error:
        raise UnsupportedCodec(f"the room's answer makes no sense: {error}") from None
    for wanted, given in zip(sections, re.split(r"^m=", text, flags=re.MULTILINE)[1:], strict=True):
        port = given.split()[1]
        if port == "0" or re.search(r"^a=inactive\b", given, re.MULTILINE):
            raise UnsupportedCodec(
                f"the room does not take {wanted.codec}: use a room whose codecs include it"
            )
    setup = re.search(r"^a=setup:(\w+)", text, re.MULTILINE)
    return Answer(
        answer.peer,
        dtls_client=setup is not None and setup[1] == "passive",
        levels=AUDIO_LEVEL in text,
    )
