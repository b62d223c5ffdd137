"""The SDP of a subscription: reads the SFU's offer, writes our receive-only answer (RFC 9429).

We answer generously, because nothing is decoded here: any profile and any parameter of a codec
that the journal can hold is taken as offered. Video orientation is never accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TAKEN = {"vp8", "h264", "opus"}
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MEDIA_ID = "urn:ietf:params:rtp-hdrext:sdes:mid"
CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
_EXTENSIONS = {AUDIO_LEVEL, MEDIA_ID, CAPTURE_TIME}
_FEEDBACK = {"nack", "nack pli"}


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of a section. `name` is lower case."""

    payload_type: int
    name: str
    clock_rate: int
    encoding: str  # what follows the payload type in rtpmap
    fmtp: str = ""
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One media section of an offer."""

    kind: str
    mid: str
    protocol: str
    active: bool  # it sends, and its port is not 0
    formats: tuple[Format, ...]
    extensions: tuple[tuple[int, str], ...]
    ssrcs: tuple[int, ...]

    @property
    def taken(self) -> Format | None:
        """The first format that we take, or None."""
        return next((one for one in self.formats if one.name in TAKEN), None)

    def extension_id(self, uri: str) -> int | None:
        return next((id_ for id_, known in self.extensions if known == uri), None)


@dataclass(frozen=True, slots=True)
class Peer:
    """How a side is reached: ICE credentials and candidates, DTLS fingerprints."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    candidates: tuple[str, ...]  # as in SDP, after "candidate:"
    lite: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    peer: Peer
    sections: tuple[Section, ...]


@dataclass(slots=True)
class _Lines:
    """The attributes of one part of an SDP, in order."""

    media: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.attributes)


def parse_offer(text: str) -> Offer:
    """Raises ValueError if it is no offer with ICE, DTLS and at least one media section."""
    session = _Lines()
    parts: list[_Lines] = []
    for line in text.splitlines():
        if line.startswith("m="):
            parts.append(_Lines(line[2:].strip()))
        elif line.startswith("a="):
            name, _, value = line[2:].strip().partition(":")
            (parts[-1] if parts else session).attributes.append((name, value))
    if not parts:
        raise ValueError("the offer has no media section")
    peer = _peer(session, parts)
    return Offer(peer, tuple(_section(part) for part in parts))


def _peer(session: _Lines, parts: list[_Lines]) -> Peer:
    """ICE and DTLS of the bundle: of the first section that has them, else of the session."""
    carrier = next((part for part in parts if part.has("ice-ufrag")), session)
    prints = carrier.all("fingerprint") or session.all("fingerprint")
    ufrag, password = carrier.first("ice-ufrag"), carrier.first("ice-pwd")
    if not ufrag or not password or not prints:
        raise ValueError("the offer lacks ICE or DTLS parameters")
    pairs = [text.split(None, 1) for text in prints]
    candidates = tuple(text for part in parts for text in part.all("candidate"))
    return Peer(
        ufrag,
        password,
        tuple((algorithm, value) for algorithm, value in pairs),
        candidates,
        session.has("ice-lite"),
    )


def _section(part: _Lines) -> Section:
    kind, port, protocol, *types = part.media.split()
    sends = not (part.has("inactive") or part.has("recvonly"))
    extensions = [text.split() for text in part.all("extmap")]
    ssrcs = dict.fromkeys(int(text.split()[0]) for text in part.all("ssrc"))
    return Section(
        kind=kind,
        mid=part.first("mid"),
        protocol=protocol,
        active=sends and port != "0",
        formats=tuple(_formats(part, types)),
        extensions=tuple((int(id_.split("/")[0]), uri) for id_, uri, *_ in extensions),
        ssrcs=tuple(ssrcs),
    )


def _formats(part: _Lines, types: list[str]) -> list[Format]:
    maps = dict(text.split(None, 1) for text in part.all("rtpmap"))
    parameters = dict(text.split(None, 1) for text in part.all("fmtp") if " " in text)
    formats = []
    for type_ in types:
        encoding = maps.get(type_, "")
        name, _, rest = encoding.partition("/")
        if not rest:
            continue
        feedback = [text.split(None, 1) for text in part.all("rtcp-fb")]
        formats.append(
            Format(
                int(type_),
                name.lower(),
                int(rest.split("/")[0]),
                encoding,
                parameters.get(type_, ""),
                tuple(what for to, what in feedback if to in (type_, "*")),
            )
        )
    return formats


def write_answer(offer: Offer, local: Peer) -> str:
    """Our answer: takes what can be taken, is the DTLS client, all in one bundle."""
    mids = " ".join(section.mid for section in offer.sections)
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {mids}"]
    for section in offer.sections:
        lines += _answer_section(section, local)
    return "\r\n".join(lines) + "\r\n"


def _answer_section(section: Section, local: Peer) -> list[str]:
    taken = section.taken
    type_ = taken.payload_type if taken else next((f.payload_type for f in section.formats), 0)
    receives = section.active and taken is not None
    lines = [
        f"m={section.kind} 9 {section.protocol} {type_}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        "a=recvonly" if receives else "a=inactive",
        "a=rtcp-mux",
    ]
    if taken:
        lines += _answer_format(taken)
        lines += [f"a=extmap:{id_} {uri}" for id_, uri in section.extensions if uri in _EXTENSIONS]
    lines += [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}"]
    lines += [f"a=fingerprint:{algorithm} {value}" for algorithm, value in local.fingerprints]
    lines += ["a=setup:active"]
    lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
    return [*lines, "a=end-of-candidates"]


def _answer_format(taken: Format) -> list[str]:
    lines = [f"a=rtpmap:{taken.payload_type} {taken.encoding}"]
    lines += [f"a=rtcp-fb:{taken.payload_type} {f}" for f in taken.feedback if f in _FEEDBACK]
    if taken.fmtp:
        lines.append(f"a=fmtp:{taken.payload_type} {taken.fmtp}")
    return lines
