"""The tables. Times are epoch milliseconds (UTC), ids are texts, JSON is plain objects and lists.

A row that others refer to is never deleted by a sweep: `deleted_at` says that what it describes is
gone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = JSON().with_variant(postgresql.JSONB(), "postgresql")


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: Json,
        list[Any]: Json,
        int: BigInteger,
    }


class Server(Base):
    """One `mixer serve` of those that work on this database; with SQLite there are none."""

    __tablename__ = "servers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # of its data folder
    address: Mapped[str] = mapped_column(Text)  # where it is reached
    storage: Mapped[str] = mapped_column(Text)  # the same for all of them
    runs: Mapped[bool] = mapped_column(Boolean)  # False: it was stopped in order
    seen_at: Mapped[int]  # negative: its data folder is lost (mixer/service/lost.py)


class Application(Base):
    """Who uses the API: a key, a secret of which the hash is kept, and settings."""

    __tablename__ = "applications"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)  # "thirdPartyId" on the wire
    name: Mapped[str] = mapped_column(String(200))
    secret_hash: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, Any]]  # mixer/service/applications.py: ApplicationSettings
    created_at: Mapped[int]


class Conference(Base):
    """One conference from its creation to its end. Its id is also the room's name."""

    __tablename__ = "conferences"
    __table_args__ = (
        # the same alias is the same live conference
        Index(
            "live_alias",
            "app_key",
            "alias_key",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("conferences_by_time", "app_key", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    app_key: Mapped[str] = mapped_column(ForeignKey("applications.key"))
    alias: Mapped[str] = mapped_column(String(250))
    alias_key: Mapped[str] = mapped_column(String(250))  # alias, case folded
    type: Mapped[str] = mapped_column(String(10), default="SDK_CONF")  # or REPLAY
    owner_external_id: Mapped[str] = mapped_column(String(250), default="")
    parameters: Mapped[dict[str, Any]]  # as given at creation, checked
    permissions: Mapped[dict[str, Any]]  # externalId → list of permission names
    protected: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[int]
    started_at: Mapped[int | None]  # the first participant's joining
    ended_at: Mapped[int | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))
    server: Mapped[str | None] = mapped_column(String(40))  # at which it is; None: the only one


class Attendance(Base):
    """One participant's stay in a conference."""

    __tablename__ = "attendances"
    __table_args__ = (
        Index("attendances_of", "conference_id", "joined_at"),
        # nobody is in a conference twice; who is there now is found at once
        Index(
            "open_stays",
            "conference_id",
            "participant_id",
            unique=True,
            sqlite_where=text("left_at IS NULL"),
            postgresql_where=text("left_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    conference_id: Mapped[str] = mapped_column(ForeignKey("conferences.id"))
    participant_id: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str] = mapped_column(String(250), default="")
    name: Mapped[str] = mapped_column(String(250), default="")
    avatar_url: Mapped[str] = mapped_column(Text, default="")
    type: Mapped[str] = mapped_column(String(10))  # user, listener, mixer, robot
    ip_address: Mapped[str] = mapped_column(String(64), default="")
    user_agent: Mapped[str] = mapped_column(Text, default="")
    joined_at: Mapped[int]
    left_at: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(20))  # hangUp, timeoutEviction, forced
    speaking_ms: Mapped[int] = mapped_column(default=0)


class Session(Base):
    """One recorder at work for a conference (or one remix), and who looks after it.

    `fence` grows with each new owner; a recorder obeys the highest it has heard of.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("open_sessions", "closed_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    conference_id: Mapped[str] = mapped_column(ForeignKey("conferences.id"), index=True)
    app_key: Mapped[str] = mapped_column(ForeignKey("applications.key"))
    kind: Mapped[str] = mapped_column(String(10))  # record, remix, replay
    folder: Mapped[str] = mapped_column(Text)  # below the data folder
    wanted: Mapped[dict[str, Any]]  # what it is to do: mixer/service/sessions
    state: Mapped[str] = mapped_column(String(20))  # queued, running, finishing, finished, failed
    error: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(String(40))
    fence: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[int]
    closed_at: Mapped[int | None]
    deleted_at: Mapped[int | None]  # its folder, the raw recording, is gone
    server: Mapped[str | None] = mapped_column(String(40))  # that has its folder


class Mix(Base):
    """One start of a mix by the API, until its stop."""

    __tablename__ = "mixes"
    __table_args__ = (UniqueConstraint("session_id", "mix_id", "part"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    mix_id: Mapped[str] = mapped_column(String(100))
    part: Mapped[int] = mapped_column(Integer)
    layout_url: Mapped[str | None] = mapped_column(Text)  # as asked for
    layout_name: Mapped[str | None] = mapped_column(String(200))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[int]  # asked for
    began_at: Mapped[int | None]  # the first moment that is in it
    stopped_at: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)


class Recording(Base):
    """One file that can be downloaded, or could."""

    __tablename__ = "recordings"
    __table_args__ = (
        Index(
            "recordings_by_end",
            "app_key",
            "end_time",
            "id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        # all applications', for the dashboard
        Index(
            "recordings_latest",
            "end_time",
            "id",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("recordings_of", "conference_id", "end_time", "id"),
        Index(
            "recordings_due",
            "keep_until",
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        UniqueConstraint("session_id", "object_key"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    app_key: Mapped[str] = mapped_column(ForeignKey("applications.key"))
    conference_id: Mapped[str] = mapped_column(ForeignKey("conferences.id"))
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    kind: Mapped[str] = mapped_column(String(12))  # mix, participant ("recordingType")
    media_type: Mapped[str] = mapped_column(String(20))  # audio/mpeg, video/mp4
    merged: Mapped[bool] = mapped_column(Boolean, default=False)
    remix: Mapped[bool] = mapped_column(Boolean, default=False)
    mix_id: Mapped[str | None] = mapped_column(String(100))
    part: Mapped[int | None] = mapped_column(Integer)
    layout_url: Mapped[str | None] = mapped_column(Text)
    layout_name: Mapped[str | None] = mapped_column(String(200))
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    filename: Mapped[str] = mapped_column(String(250))
    object_key: Mapped[str] = mapped_column(String(500))  # in the storage
    size: Mapped[int]  # bytes
    duration: Mapped[int]  # ms
    start_time: Mapped[int]
    end_time: Mapped[int]
    details: Mapped[dict[str, Any]]  # of a participant's file: whose, source, stay
    created_at: Mapped[int]
    keep_until: Mapped[int | None]  # None: until deleted by hand
    deleted_at: Mapped[int | None]


class Event(Base):
    """The webhooks' outbox: one event for one application, until it is delivered or given up.

    In order for a conference: of the pending events of one `conference_id` the one with the lowest
    `id` is tried, the others wait. `body` is the event; where it has recordings, `recordings` lists
    their ids, and the download addresses are made when it is sent.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("events_due", "state", "next_attempt_at"),
        Index("events_of", "conference_id", "id"),
        # whether an event waits for another is asked for each that is due; with the state, which
        # is the same in all of it, so that SQLite prefers it to the one above
        Index(
            "events_waiting",
            "conference_id",
            "state",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("events_by_time", "app_key", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    uid: Mapped[str] = mapped_column(String(40), unique=True)  # webhook-id of Standard Webhooks
    app_key: Mapped[str] = mapped_column(ForeignKey("applications.key"))
    conference_id: Mapped[str] = mapped_column(ForeignKey("conferences.id"))
    type: Mapped[str] = mapped_column(String(60))
    body: Mapped[dict[str, Any]]
    recordings: Mapped[list[Any]]
    url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))  # pending, delivered, dead
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[int | None]
    created_at: Mapped[int]
    sent_at: Mapped[int | None]  # the last attempt
    sent_body: Mapped[str | None] = mapped_column(Text)  # as it was sent last
    response: Mapped[dict[str, Any] | None]  # {"status": "200 OK", "headers": {}} or {"error": …}


class Secret(Base):
    """Keys of this installation: tokens, signed addresses, webhooks' signatures."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)  # "tokens", "webhook:KEYID"
    value: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[int]


class Operator(Base):
    """Who may use the dashboard."""

    __tablename__ = "operators"

    email: Mapped[str] = mapped_column(String(250), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[int]
