"""Addresses of conferences: whether one can be an address at all, and why nobody answers there."""

from __future__ import annotations

import ssl
from urllib.parse import SplitResult, urlsplit

import httpx2

from mixer.errors import ConferenceUnreachable, UsageError

WANTED = "give http(s)://HOST:PORT/rooms/NAME or janus+ws(s)://HOST:PORT/ROOM"


def parts_of(url: str) -> SplitResult:
    """The parts of an address that clients can connect to. Raises UsageError where its port, its
    brackets or its host's name are none; the path is not looked at."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")  # what resolving does
        httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UsageError(f"{url!r} is no address ({reason}): {WANTED}") from None
    return parts


def no_answer(place: str, error: BaseException) -> ConferenceUnreachable:
    """What is told where nobody could be connected to at `place`, and what can be done."""
    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return ConferenceUnreachable(
            f"the certificate of {place} is not trusted ({tls.verify_message}): give it by "
            "--tls-ca FILE (MIXER_CA_FILE), or --tls-insecure for tests"
        )
    if tls is not None:
        return ConferenceUnreachable(
            f"{place} does not answer by TLS ({tls.strerror or tls}): does it want http or ws?"
        )
    return ConferenceUnreachable(
        f"{place} does not answer ({error.__class__.__name__}): "
        "is the server running, and is the address right?"
    )


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """What clients have wrapped into errors of their own."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None
