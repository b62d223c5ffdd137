"""`mixer record` records a conference, `mixer ctl` tells a running recorder what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .files import (
    KBIT,
    AudioBitRate,
    CutSilence,
    LayoutAllow,
    Legs,
    LoudnessTarget,
    Vbr,
    WithReport,
    allow_layouts,
    audio_settings,
    report_on_files,
)
from .running import Folder, Json, console, on_signals, run, say_result
from .upload import check_destination, upload_files

COMMANDS = ("status", "start-mix", "stop-mix", "pause", "resume", "stop")
OF_A_MIX = ("start-mix", "stop-mix")  # all others are of the whole recording


def record(
    url: Annotated[
        str, typer.Argument(help="http(s)://HOST:8710/rooms/NAME or janus+ws(s)://HOST:PORT/ROOM")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the recording; made if it is not there.")],
    mix: Annotated[
        list[str] | None,
        typer.Option(
            help="id=default,size=1920x1080,fps=30,preset=…,crf=…,language=en,layout=default"
        ),
    ] = None,
    format_: Annotated[
        str,
        typer.Option("--format", help="mp4: videos. mp3: audio, no browser is started. both."),
    ] = "mp4",
    live: Annotated[
        bool, typer.Option(help="--no-live: only the journal; `mixer render` makes files later.")
    ] = True,
    participant_audio: Legs = False,
    cut_silence: CutSilence = False,
    audio_bit_rate: AudioBitRate = KBIT,
    vbr: Vbr = None,
    loudness: LoudnessTarget = None,
    duration: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many seconds.")
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option(min=0, help="Never record longer than so many seconds.")
    ] = None,
    start_timeout: Annotated[
        float | None, typer.Option(min=0, help="Give up if nobody comes within so many seconds.")
    ] = None,
    empty_timeout: Annotated[
        float | None,
        typer.Option(min=0, help="Stop when everybody has been gone for so many seconds."),
    ] = None,
    name: Annotated[str, typer.Option(help="The mixer's name in the conference.")] = "Mixer",
    ice_server: Annotated[
        list[str] | None, typer.Option(help="stun:HOST:PORT or turn:HOST:PORT,USER,CREDENTIAL")
    ] = None,
    pin: Annotated[str, typer.Option(envvar="MIXER_PIN", help="Of a bare Janus room.")] = "",
    token: Annotated[
        str, typer.Option(envvar="MIXER_JANUS_TOKEN", help="Janus' token authentication.")
    ] = "",
    api_secret: Annotated[
        str, typer.Option(envvar="MIXER_JANUS_API_SECRET", help="Janus' api_secret.")
    ] = "",
    tls_ca: Annotated[
        Path | None, typer.Option(envvar="MIXER_CA_FILE", help="Trust this certificate (PEM).")
    ] = None,
    tls_insecure: Annotated[
        bool, typer.Option("--tls-insecure", help="Trust any certificate, for tests.")
    ] = False,
    min_free: Annotated[
        int, typer.Option(min=0, help="Stop when the disk has less MB left.")
    ] = 256,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the recording in --out, whose recorder died."),
    ] = False,
    layout_allow: LayoutAllow = None,
    report: WithReport = True,
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep intermediate files.")
    ] = False,
    upload: Annotated[
        str | None, typer.Option(help="s3://BUCKET/PREFIX: put the finished files there, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Records a conference until Ctrl-C, SIGTERM, its end, or a limit.

    Give secrets by their environment variables: command lines can be seen by everybody.
    """
    from ..conference.ice import parse_ice_server
    from ..errors import UsageError
    from ..recorder import MixPlan, Recorder, RecordSettings, parse_format, parse_mix
    from ..recorder.display import display_for, summary

    async def session() -> None:
        check_destination(upload)
        if upload and not live:
            raise UsageError(
                "--upload: --no-live makes no files to upload; `mixer render`, then `mixer upload`"
            )
        if resume and mix:
            raise UsageError("--resume goes on with the mixes there are; `mixer ctl` starts others")
        allow_layouts(layout_allow, url)
        servers = [parse_ice_server(text).as_json() for text in ice_server or ()]
        settings = RecordSettings(
            url=url,
            out=out,
            mixes=_distinct(tuple(parse_mix(text) for text in mix or ()) or (MixPlan(),)),
            format=parse_format(format_),
            live=live,
            audio=audio_settings(
                format_, participant_audio, cut_silence, audio_bit_rate, vbr, loudness
            ),
            name=name,
            duration_s=duration,
            max_duration_s=max_duration,
            start_timeout_s=start_timeout,
            empty_timeout_s=empty_timeout,
            min_free_bytes=min_free << 20,
            keep_work=keep_work,
            resume=resume,
            ingest_environment={
                "MIXER_PIN": pin,
                "MIXER_JANUS_TOKEN": token,
                "MIXER_JANUS_API_SECRET": api_secret,
                "MIXER_ICE_SERVERS": json.dumps(servers),
                "MIXER_CA_FILE": str(tls_ca or ""),
                **({"MIXER_TLS_INSECURE": "1"} if tls_insecure else {}),
            },
        )
        failed = True
        recorder = Recorder(settings, on_status=lambda status: display.show(recorder))
        try:
            with display_for(as_json=as_json) as display:
                on_signals(recorder.stop)
                await recorder.run()
            failed = False
        finally:
            made.extend(recorder.files)
            if made or not failed:  # what was saved before the disk was full, say
                files = [str(path) for path in made]
                say_result(as_json, summary(recorder.status), files, recorder.report())

    made: list[Path] = []
    try:
        run(session(), as_json)
    finally:  # also of a recording that ended with an error, if there are files
        if report and made:
            report_on_files(out)
        if upload and made:
            upload_files(out, upload, as_json)


def ctl(
    directory: Folder,
    command: Annotated[
        str, typer.Argument(help="status, start-mix, stop-mix, pause, resume or stop")
    ],
    mix: Annotated[str | None, typer.Option(help="As `mixer record --mix`, or an id.")] = None,
    as_json: Json = False,
) -> None:
    """Tells a running recorder what to do."""
    from ..errors import UsageError
    from ..recorder import RecordFolder
    from ..recorder.control import ask
    from ..recorder.plan import mix_fields

    async def talk() -> None:
        if command not in COMMANDS:
            raise UsageError(f"unknown command {command!r}: {', '.join(COMMANDS)}")
        if mix and command not in OF_A_MIX:
            raise UsageError(f"--mix: {command} is of the whole recording; leave it out")
        fields: dict[str, Any] = {}
        if command == "stop-mix":
            fields = {"id": mix or "default"}
        elif command == "start-mix":
            fields = mix_fields(mix if mix and "=" in mix else f"id={mix or 'default'}")
        reply = await ask(RecordFolder(directory).socket, command.replace("-", "_"), **fields)
        if as_json:
            print(json.dumps(reply, ensure_ascii=False))
        elif command == "status":
            from ..recorder.display import told

            console().print(told(reply))
        else:
            print(_told(command, reply))

    run(talk(), as_json)


def _told(command: str, reply: dict[str, Any]) -> str:
    """What a recorder answered, in words."""
    match command:
        case "start-mix":
            return f"mix {reply['id']} started, part {reply['part']}"
        case "stop-mix" if not reply["stopped"]:
            return f"mix {reply['id']} was not running"
        case "stop-mix":
            return f"mix {reply['id']} stopped; its file follows"
        case "pause" | "resume":
            return "paused" if reply["paused"] else "recording"
    return "stopping; the files are being finished"


def _distinct(mixes: tuple[Any, ...]) -> tuple[Any, ...]:
    from ..errors import UsageError

    ids = [mix.id for mix in mixes]
    for mix_id in ids:
        if ids.count(mix_id) > 1:
            raise UsageError(f"two mixes have the id {mix_id!r}; give each its own: --mix id=…")
    return mixes
