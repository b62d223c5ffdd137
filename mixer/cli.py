"""The command line: `mixer room|record|ctl|render|inspect|export|doctor`. Nothing imports it.

Every flag can be given as an environment variable: MIXER_RECORD_OUT for `mixer record --out`.
Exit codes are in errors.py and docs/exit-codes.md. Heavy parts are imported when they are needed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import structlog
import typer

from .errors import MixerError
from .forget_command import forget
from .replay.command import replay
from .report.command import report as report_command

T = TypeVar("T")

app = typer.Typer(
    name="mixer",
    help="Records WebRTC conferences and renders videos from the recordings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "MIXER", "help_option_names": ["-h", "--help"]},
)
Folder = Annotated[Path, typer.Argument(help="The record's folder (--out of `mixer record`).")]
Legs = Annotated[
    bool, typer.Option("--participant-audio", help="With mp3 and both: a file a participant, too.")
]
CutSilence = Annotated[
    bool, typer.Option("--cut-silence", help="Participants' audio without silences; cue sheets.")
]
AudioBitRate = Annotated[int, typer.Option(help="Of the audio mix, in kbit/s.")]
Vbr = Annotated[
    float | None, typer.Option(help="Variable bit rate: LAME's quality, 0 (best) to 9.9.")
]
LoudnessTarget = Annotated[
    float | None, typer.Option(help="Bring the audio mix to so many LUFS, such as -16.")
]
WithReport = Annotated[
    bool, typer.Option(help="Afterwards: DIR/report/ with quality report, chapters, poster.")
]
Json = Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")]


@app.command()
def room(
    host: str = "127.0.0.1",
    port: int = 8710,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_self_signed: Annotated[
        bool, typer.Option("--tls-self-signed", help="HTTPS with a certificate made now.")
    ] = False,
    public_url: Annotated[
        str | None, typer.Option(help="Where browsers reach this server, behind a proxy.")
    ] = None,
    janus: Annotated[Path, typer.Option(help="The Janus program.")] = Path("/usr/bin/janus"),
    ice_server: Annotated[
        list[str] | None, typer.Option(help="stun:HOST:PORT or turn:HOST:PORT,USER,CREDENTIAL")
    ] = None,
    rtp_ports: Annotated[str, typer.Option(help="LOW-HIGH, UDP, for media.")] = "20000-40000",
    ice_interface: Annotated[
        list[str] | None, typer.Option(help="Media on this interface or address only; repeatable.")
    ] = None,
    nat_1_1: Annotated[str | None, typer.Option(help="The address to announce.")] = None,
    log_dir: Path | None = None,
) -> None:
    """Runs a conference server; people join at /rooms/NAME."""
    from .conference.ice import parse_ice_server
    from .room.server import run_room
    from .room.settings import RoomSettings

    async def serve() -> None:
        settings = RoomSettings(
            host=host,
            port=port,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_self_signed=tls_self_signed,
            public_url=public_url,
            janus=janus,
            ice_servers=tuple(parse_ice_server(text) for text in ice_server or ()),
            rtp_ports=_ports(rtp_ports),
            ice_interfaces=tuple(ice_interface or ()),
            nat_1_1=nat_1_1,
            log_dir=log_dir,
        )
        await run_room(settings, on_ready=_say_room)

    _run(serve())


@app.command()
def record(
    url: Annotated[
        str, typer.Argument(help="http(s)://HOST:8710/rooms/NAME or janus+ws(s)://HOST:PORT/ROOM")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the recording; made if it is not there.")],
    mix: Annotated[
        list[str] | None,
        typer.Option(help="id=default,size=1920x1080,fps=30,preset=…,crf=…,layout=default"),
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
    audio_bit_rate: AudioBitRate = 128,
    vbr: Vbr = None,
    loudness: LoudnessTarget = None,
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    max_duration: Annotated[
        float | None, typer.Option(help="Never record longer than so many seconds.")
    ] = None,
    start_timeout: Annotated[
        float | None, typer.Option(help="Give up if nobody comes within so many seconds.")
    ] = None,
    empty_timeout: Annotated[
        float | None, typer.Option(help="Stop when everybody has been gone for so many seconds.")
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
    min_free: Annotated[int, typer.Option(help="Stop when the disk has less MB left.")] = 256,
    report: WithReport = True,
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep intermediate files.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Records a conference until Ctrl-C, SIGTERM, its end, or a limit.

    Give secrets by their environment variables: command lines can be seen by everybody.
    """
    from .conference.ice import parse_ice_server
    from .recorder import MixPlan, Recorder, RecordSettings, parse_format, parse_mix
    from .recorder.display import display_for, summary

    async def session() -> None:
        servers = [parse_ice_server(text).as_json() for text in ice_server or ()]
        settings = RecordSettings(
            url=url,
            out=out,
            mixes=_distinct(tuple(parse_mix(text) for text in mix or ()) or (MixPlan(),)),
            format=parse_format(format_),
            live=live,
            audio=_audio_settings(participant_audio, cut_silence, audio_bit_rate, vbr, loudness),
            name=name,
            duration_s=duration,
            max_duration_s=max_duration,
            start_timeout_s=start_timeout,
            empty_timeout_s=empty_timeout,
            min_free_bytes=min_free << 20,
            keep_work=keep_work,
            ingest_environment={
                "MIXER_PIN": pin,
                "MIXER_JANUS_TOKEN": token,
                "MIXER_JANUS_API_SECRET": api_secret,
                "MIXER_ICE_SERVERS": json.dumps(servers),
                "MIXER_CA_FILE": str(tls_ca or ""),
                **({"MIXER_TLS_INSECURE": "1"} if tls_insecure else {}),
            },
        )
        with display_for(as_json=as_json) as display:
            recorder = Recorder(settings, on_status=lambda status: display.show(recorder))
            _on_signals(recorder.stop)
            status = await recorder.run()
        files = [str(path) for path in recorder.files]
        _say_result(as_json, summary(status), files, recorder.report())

    try:
        _run(session(), as_json)
    finally:  # also of a recording that ended with an error, if there are files
        if report:
            _report_on(out)


@app.command()
def ctl(
    directory: Folder,
    command: Annotated[
        str, typer.Argument(help="status, start-mix, stop-mix, pause, resume or stop")
    ],
    mix: Annotated[str | None, typer.Option(help="As `mixer record --mix`, or an id.")] = None,
    as_json: Json = False,
) -> None:
    """Tells a running recorder what to do."""
    from .recorder import RecordFolder
    from .recorder.control import ask
    from .recorder.plan import mix_fields

    async def talk() -> None:
        fields: dict[str, Any] = {}
        if command == "stop-mix":
            fields = {"id": mix or "default"}
        elif command == "start-mix":
            fields = mix_fields(mix or "")
        reply = await ask(RecordFolder(directory).socket, command.replace("-", "_"), **fields)
        if as_json or command == "status":
            print(json.dumps(reply, indent=None if as_json else 2, ensure_ascii=False))

    _run(talk(), as_json)


@app.command()
def render(
    directory: Folder,
    out: Annotated[
        Path | None,
        typer.Option(help="Make another version: a file for mp4, a folder for mp3 and both."),
    ] = None,
    format_: Annotated[str | None, typer.Option("--format", help="mp4, mp3 or both.")] = None,
    mix: Annotated[
        str | None, typer.Option(help="Which mix's start and stop, if there are several.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT")] = None,
    layout: Annotated[
        str | None, typer.Option(help="Built-in name, folder, HTML file or URL.")
    ] = None,
    fps: int | None = None,
    from_: Annotated[
        float | None, typer.Option("--from", help="Seconds since the recording's start.")
    ] = None,
    to: Annotated[float | None, typer.Option(help="Seconds since the recording's start.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave somebody out: their id, external id or name. Repeatable."),
    ] = None,
    participant_audio: Legs = False,
    cut_silence: CutSilence = False,
    audio_bit_rate: AudioBitRate = 128,
    vbr: Vbr = None,
    loudness: LoudnessTarget = None,
    preset: Annotated[str | None, typer.Option(help="x264's preset.")] = None,
    crf: Annotated[int | None, typer.Option(help="x264's quality: 0 to 51.")] = None,
    report: WithReport = True,
    follow: Annotated[
        bool, typer.Option(help="Follow a recording that goes on; --no-follow refuses it.")
    ] = True,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Encode in so many processes.")] = 1,
    encoder: Annotated[str, typer.Option(hidden=True)] = "libx264",
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep intermediate files.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Makes the files of a recording: those its plan still wants, or another version (--out)."""
    from .recorder import RecordFolder, parse_format
    from .recorder.offline import finish_plan
    from .recorder.remix import RenderOptions, remix
    from .recorder.render_display import progress_for

    changes = (format_, mix, size, layout, fps, from_, to, without, preset, crf, vbr, loudness)

    async def job() -> bool:
        task = asyncio.current_task()
        assert task is not None
        _on_signals(lambda _reason: task.cancel())
        folder = RecordFolder(directory)
        with progress_for(as_json=as_json) as show:
            if out is None:
                _check_no_changes(any(change is not None for change in changes))
                files = await finish_plan(folder, show, workers=workers, keep_work=keep_work)
            else:
                options = RenderOptions(
                    out=out,
                    format=parse_format(format_ or "mp4"),
                    mix=mix,
                    size=size,
                    layout=layout,
                    fps=fps,
                    preset=preset,
                    crf=crf,
                    from_s=from_,
                    to_s=to,
                    without=tuple(without or ()),
                    audio=_audio_settings(
                        participant_audio, cut_silence, audio_bit_rate, vbr, loudness
                    ),
                    follow=follow,
                    workers=workers,
                    keep_work=keep_work,
                    encoder="null" if encoder == "null" else "libx264",
                )
                files = await remix(folder, options, show)
        text = "rendered" if files else "nothing was missing"
        _say_result(as_json, text, [str(path) for path in files], {})
        return bool(files)

    if _run(job(), as_json) and out is None and report:
        _report_on(directory)


@app.command()
def inspect(directory: Folder, as_json: Json = False) -> None:
    """Shows what is in a recording: tracks, sizes, gaps, sync, events."""
    from rich.console import Console

    from .journal import Journal
    from .journal.inspect import inspect as look
    from .journal.inspect import render_text

    def show() -> None:
        report = look(Journal.open(_journal_of(directory)))
        if as_json:
            print(json.dumps(report, ensure_ascii=False))
        else:
            Console().print(render_text(report))

    _guarded(show, as_json)


@app.command()
def export(
    directory: Folder,
    out: Annotated[Path, typer.Option(help="Folder for the Matroska files.")],
) -> None:
    """Writes each track, unchanged, into a Matroska file that any player takes."""
    from .journal import Journal, recover
    from .journal.export import export as write

    def run() -> None:
        recover(_journal_of(directory))
        for path in write(Journal.open(_journal_of(directory)), out):
            print(path)

    _guarded(run)


@app.command()
def doctor(
    out: Annotated[
        Path | None, typer.Option(help="Also measure the disk that recordings shall go to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Says what this machine lacks, and how to get it."""
    from .doctor import run

    raise typer.Exit(run(as_json, out=out))


app.command("replay")(replay)
app.command("report")(report_command)
app.command("forget")(forget)


def main() -> None:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(os.environ.get("MIXER_LOG", "warning")),
    )
    app()


def _run(work: Coroutine[Any, Any, T], as_json: bool = False) -> T:
    return _guarded(lambda: asyncio.run(work), as_json)


def _guarded(act: Callable[[], T], as_json: bool = False) -> T:
    """Errors of ours end with one line and their exit code; an interrupt ends with 130."""
    try:
        return act()
    except MixerError as error:
        print(f"mixer: {error}", file=sys.stderr)
        if as_json:
            print(json.dumps({"event": "error", "message": str(error), "code": error.exit_code}))
        raise typer.Exit(error.exit_code) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("mixer: interrupted; run it again to go on", file=sys.stderr)
        raise typer.Exit(130) from None


def _on_signals(stop: Callable[[str], object]) -> None:
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sig, stop, "stopped")


def _journal_of(directory: Path) -> Path:
    """A record's folder or its journal itself."""
    return directory / "journal" if (directory / "journal").is_dir() else directory


def _report_on(directory: Path) -> None:
    """The files are there already: what fails now is told, and takes nothing away."""
    from .report.command import report_on

    try:
        report_on(directory)
    except (MixerError, KeyboardInterrupt) as error:
        print(f"mixer: there is no report: {error or 'interrupted'}", file=sys.stderr)


def _check_no_changes(changed: bool) -> None:
    from .errors import UsageError

    if changed:
        raise UsageError("another size, layout, range, format or quality needs --out")


def _audio_settings(
    legs: bool, cut_silence: bool, kbit: int, vbr: float | None, loudness: float | None
) -> Any:
    from .render.audio_settings import AudioSettings

    return AudioSettings(
        bit_rate=kbit * 1000, vbr=vbr, loudness=loudness, legs=legs, cut_silence=cut_silence
    )


def _distinct(mixes: tuple[Any, ...]) -> tuple[Any, ...]:
    from .errors import UsageError

    ids = [mix.id for mix in mixes]
    for mix_id in ids:
        if ids.count(mix_id) > 1:
            raise UsageError(f"two mixes have the id {mix_id!r}; give each its own: --mix id=…")
    return mixes


def _ports(text: str) -> tuple[int, int]:
    from .errors import UsageError

    low, dash, high = text.partition("-")
    if not (dash and low.isdigit() and high.isdigit()):
        raise UsageError(f"--rtp-ports {text!r} is not LOW-HIGH, such as 20000-40000")
    return int(low), int(high)


def _say_room(url: str) -> None:
    print(f"Conference server: {url}")
    print(f"Join page:         {url}/rooms/NAME", flush=True)


def _say_result(as_json: bool, text: str, files: list[str], report: dict[str, Any]) -> None:
    if as_json:
        print(json.dumps({"event": "result", "files": files, **report}, ensure_ascii=False))
        return
    print(text)
    for path in files:
        print(path)


if __name__ == "__main__":
    main()
