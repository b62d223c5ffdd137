"""The codes of the REST interface's errors, as people are told them: at /docs/errors.

docs/api-errors.md has the same table; a test compares both with what the code raises.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    code: int
    status: int
    reason: str
    advice: str


FAULTS = (
    Fault(
        400,
        400,
        "INVALID_REQUEST",
        "a field or the body is not what it may be: the description names the field",
    ),
    Fault(404, 404, "NOT_FOUND", "there is no such address: see /docs"),
    Fault(405, 405, "METHOD_NOT_ALLOWED", "the address knows other methods: the Allow header"),
    Fault(
        408,
        408,
        "REQUEST_TIMEOUT",
        "headers or body did not arrive in time: send it again",
    ),
    Fault(413, 413, "BODY_TOO_LARGE", "send a smaller body"),
    Fault(416, 416, "RANGE_NOT_SATISFIABLE", "the file has no such part: see Content-Range"),
    Fault(431, 431, "HEADERS_TOO_LARGE", "send fewer or shorter headers"),
    Fault(
        500,
        500,
        "INTERNAL_ERROR",
        "a fault of the server's; its log has the request's id (X-Request-ID of the answer)",
    ),
    Fault(
        501,
        501,
        "NOT_SERVED",
        "this server does not have it (streaming, spatial audio): leave the call out",
    ),
    Fault(503, 503, "DATABASE_UNAVAILABLE", "the database does not answer: try again later"),
    Fault(1000, 401, "TOKEN_MISSING", "send `Authorization: Bearer TOKEN`"),
    Fault(
        1001,
        401,
        "INVALID_CLIENT",
        "the application's key or secret is wrong or missing (HTTP Basic)",
    ),
    Fault(
        1002,
        401,
        "TOKEN_INVALID",
        "changed, of another kind or of another server, or its application is gone: get one",
    ),
    Fault(1003, 401, "TOKEN_EXPIRED", "get a new token"),
    Fault(1004, 403, "SCOPE_MISSING", "ask for the scope when getting the token"),
    Fault(1005, 429, "TOO_MANY_WRONG_SECRETS", "wait for as long as Retry-After says"),
    Fault(1006, 400, "INVALID_GRANT", "send `grant_type=client_credentials`"),
    Fault(
        2001,
        404,
        "CONFERENCE_NOT_FOUND",
        "there is no conference with this id, or it is another application's",
    ),
    Fault(2002, 404, "CONFERENCE_ENDED", "create a conference of the same alias to go on"),
    Fault(2003, 400, "TOO_MANY_PARTICIPANTS", "give permissions to fewer participants"),
    Fault(
        2004,
        421,
        "CONFERENCE_ELSEWHERE",
        "of several servers another has the conference: send the request to the one that the "
        "description names",
    ),
    Fault(3001, 400, "INVALID_MIX_ID", "the description says what a mixId may be"),
    Fault(3002, 400, "INVALID_SIZE", "width and height are 390 to 1920 pixels"),
    Fault(
        3003,
        400,
        "INVALID_LAYOUT",
        "`layoutUrl` is `default`, a built-in layout or a public http(s) address",
    ),
    Fault(
        3004,
        409,
        "ALREADY_RECORDING",
        "a mix of this mixId runs with other settings: stop it, or take another mixId",
    ),
    Fault(
        3005,
        409,
        "ONE_RECORDING_AT_A_TIME",
        "without `liveRecording` there is one recording at a time",
    ),
    Fault(3006, 404, "MIX_NOT_FOUND", "no mix of this mixId was started"),
    Fault(3007, 409, "NOT_RECORDING", "nothing is recorded: start a recording first"),
    Fault(
        3008,
        503,
        "NO_CAPACITY",
        "this machine cannot record more: try again after Retry-After, or add a machine",
    ),
    Fault(3009, 409, "TOO_MANY_MIXES", "stop a mix of this conference first"),
    Fault(3101, 409, "CONFERENCE_GOES_ON", "remix after the conference's end"),
    Fault(3102, 409, "REMIX_IN_PROGRESS", "one remix at a time: wait for the status COMPLETED"),
    Fault(
        3103,
        409,
        "RECORDING_UNFINISHED",
        "the recording is being finished: wait for Recordings.Available",
    ),
    Fault(3104, 404, "NOTHING_RECORDED", "there is no raw recording (any more)"),
    Fault(3105, 409, "TOO_MANY_REPLAYS", "join one of the conference's replays, or end one first"),
    Fault(
        4001,
        403,
        "URL_INVALID",
        "a download's address was changed: get a new one of the Monitor API",
    ),
    Fault(
        4002, 410, "URL_EXPIRED", "a download's address has ended: get a new one of the Monitor API"
    ),
    Fault(4003, 404, "FILE_NOT_FOUND", "the file was deleted, or there never was one"),
    Fault(4004, 404, "PARTICIPANT_NOT_FOUND", "nobody with this id was in the conference"),
    Fault(
        4005,
        409,
        "RECORDING_IN_PROGRESS",
        "stop the recording and wait for its files before deleting them",
    ),
    Fault(4006, 503, "STORAGE_UNAVAILABLE", "the bucket does not answer: try again later"),
    Fault(
        4007,
        503,
        "RAW_RECORDING_STAYS",
        "delete again; if that does not help, the server's disk is to be mended",
    ),
)
