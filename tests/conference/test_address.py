"""Addresses of conferences: what is none is told at once, as its caller's mistake."""

from __future__ import annotations

import ssl

import httpx2
import pytest

from mixer.conference.address import no_answer
from mixer.conference.bare import parse_address
from mixer.conference.session import room_base_url
from mixer.errors import UsageError

HOSTS = ("h:99999", "h:x", "[::1", "[v1.x]", "a\u2100b", f"{'a' * 64}.example", "a..b", "a\x01b")


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_no_address(host: str) -> None:
    """Ports, brackets, names and characters that no address has: both kinds of conference say so,
    with what was given and what is wanted."""
    for url, parse in (
        (f"https://{host}/rooms/a", room_base_url),
        (f"janus+wss://{host}/1", parse_address),
    ):
        with pytest.raises(UsageError, match="HOST:PORT") as told:
            parse(url)
        assert repr(url) in str(told.value) and "\n" not in str(told.value)


def test_addresses() -> None:
    """What is one stays as it was given."""
    for host in ("h:65535", "[::1]:8710", "bücher.example", "example.org.", "user:word@h"):
        assert room_base_url(f"https://{host}/x/rooms/a b/") == f"https://{host}/x/rooms/a b"
        assert parse_address(f"janus+ws://{host}/1").url == f"ws://{host}/"


def test_why_nobody_answers() -> None:
    """A certificate that is not trusted, and a server without TLS, are told as what they are, also
    where a client wraps the error."""
    untrusted = ssl.SSLCertVerificationError(1, "verify failed")
    untrusted.verify_message = "self-signed certificate"
    wrapped = httpx2.ConnectError("…")
    wrapped.__cause__ = untrusted
    for error in (untrusted, wrapped):
        told = str(no_answer("https://h/rooms/a", error))
        assert "self-signed certificate" in told and "--tls-ca" in told and "--tls-insecure" in told
    assert "TLS" in str(no_answer("https://h/rooms/a", ssl.SSLError(1, "wrong version number")))
    assert "is the server running" in str(no_answer("http://h/rooms/a", ConnectionRefusedError()))
