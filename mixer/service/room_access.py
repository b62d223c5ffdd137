"""Who is let into a hosted conference, and with which permissions (contract 2.3).

Under access control people show a conference access token of this conference with JOIN; what REST
or a participant has given somebody since holds instead of the token's own permissions. Recorders
and the robots of replays show a mixer token: they may do what nobody else does, such as bringing
files to the server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

from ..records.models import Conference
from ..room.access import EVERYBODY, LISTENING, Admission, Visitor
from ..room.attendance import Attendance
from ..room.live import LiveConference
from .tokens import Claims, Tokens

REPLAY = "REPLAY"


@dataclass(frozen=True, slots=True)
class Hosted:
    """A live conference: its row, its room, and what its participants may."""

    row: Conference
    live: LiveConference
    permissions: dict[str, frozenset[str]] = field(default_factory=dict)  # by external id

    @property
    def replays(self) -> bool:
        return self.row.type == REPLAY


def admission(tokens: Tokens, hosted: Hosted, visitor: Visitor) -> Admission:
    """What the visitor may. Raises HTTPException 401 or 403 with what to do."""
    if visitor.type == "mixer":
        _check_mixer(tokens, hosted, visitor)
        return Admission(LISTENING)
    if visitor.type == "robot":
        _check_mixer(tokens, hosted, visitor)
        return Admission(EVERYBODY - {"RECORD"})
    claims = shown_claims(tokens, hosted.row, visitor.conference_token)
    external_id = claims.external_id if claims else ""
    permissions = EVERYBODY
    if hosted.row.protected and claims is not None:
        permissions = hosted.permissions.get(external_id, frozenset(claims.permissions))
    if "JOIN" not in permissions:
        raise HTTPException(403, "this access token does not permit to join: ask for another")
    named = external_id if external_id or hosted.row.protected else None
    return Admission(permissions & LISTENING if hosted.replays else permissions, named)


def shown_claims(tokens: Tokens, row: Conference, token: str) -> Claims | None:
    """What a conference access token says; None where none is shown and none is needed."""
    if not token:
        if row.protected:
            raise HTTPException(
                401, "this conference takes an access token: open it by the link you were sent"
            )
        return None
    claims = tokens.read(token, "conference")
    if claims.conf_id != row.id:
        raise HTTPException(403, "this access token is of another conference")
    return claims


def check_looking(
    tokens: Tokens, row: Conference, token: str, changed: Mapping[str, Collection[str]]
) -> None:
    """Whether somebody who is not in the conference may see it. Raises HTTPException.

    `changed`: permissions by external id that hold instead of a token's own.
    """
    claims = shown_claims(tokens, row, token)
    if claims is None:
        return
    permissions = changed.get(claims.external_id) if row.protected else None
    if "JOIN" not in (claims.permissions if permissions is None else permissions):
        raise HTTPException(403, "this access token does not permit to join: ask for another")


def check_ending(hosted: Hosted, attendance: Attendance) -> None:
    """Who may remove everybody may end the conference. Raises HTTPException."""
    if hosted.row.protected and "KICK" not in attendance.permissions:
        raise HTTPException(403, "ending the conference takes the permission KICK")
    if attendance.type != "user":
        raise HTTPException(403, "only a participant of type user may end the conference")


def _check_mixer(tokens: Tokens, hosted: Hosted, visitor: Visitor) -> None:
    if not visitor.mixer_token:
        raise HTTPException(
            401, "recorders and replays are started by this server alone: start them by REST"
        )
    if tokens.read(visitor.mixer_token, "mixer").conf_id != hosted.row.id:
        raise HTTPException(403, "this mixer token is of another conference")
