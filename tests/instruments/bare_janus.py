"""A Janus of the tests' own, as somebody else might run it: videoroom and WebSocket, loopback.

with BareJanus([Room(1234)]) as janus:
    janus.url(1234)          # janus+ws://127.0.0.1:PORT/1234
    janus.kill(); janus.start()
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

START_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Room:
    id: int | str
    pin: str = ""
    audiocodec: str = "opus"
    videocodec: str = "vp8,h264"
    talking_events: bool = True

    def text(self) -> str:
        pin = f'\tpin = "{self.pin}"\n' if self.pin else ""
        talking = str(self.talking_events).lower()
        return (
            f'room-{self.id}: {{\n\tdescription = "test"\n{pin}\tpublishers = 50\n'
            f'\tbitrate = 4000000\n\taudiocodec = "{self.audiocodec}"\n'
            f'\tvideocodec = "{self.videocodec}"\n\taudiolevel_event = {talking}\n'
            "\taudio_active_packets = 20\n\taudio_level_average = 50\n\tnotify_joining = true\n}\n"
        )


class BareJanus:
    """The process; its port stays the same over `kill` and `start`."""

    def __init__(
        self, rooms: list[Room], *, string_ids: bool = False, api_secret: str = ""
    ) -> None:
        self._rooms = rooms
        self._string_ids = string_ids
        self._api_secret = api_secret
        self._folder = Path(tempfile.mkdtemp(prefix="mixer-test-janus-"))
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def url(self, room: int | str) -> str:
        return f"janus+ws://127.0.0.1:{self.port}/{room}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._write()
        with (self._folder / "janus.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["janus", "-F", str(self._folder)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                raise RuntimeError((self._folder / "janus.log").read_text()[-2000:])
            time.sleep(0.02)
        raise RuntimeError("Janus does not answer")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self) -> None:
        secret = f'\tapi_secret = "{self._api_secret}"\n' if self._api_secret else ""
        plugins = self._others("plugins", "libjanus_videoroom.so")
        transports = self._others("transports", "libjanus_websockets.so")
        self._put(
            "janus.jcfg",
            f'general: {{\n\tconfigs_folder = "{self._folder}"\n\tdebug_level = 4\n'
            f"\tdebug_colors = false\n{secret}}}\n"
            'nat: {\n\tice_ignore_list = "vmnet"\n}\n'
            f'plugins: {{\n\tdisable = "{plugins}"\n}}\n'
            f'transports: {{\n\tdisable = "{transports}"\n}}\n',
        )
        self._put(
            "janus.transport.websockets.jcfg",
            f'general: {{\n\tws = true\n\tws_ip = "127.0.0.1"\n\tws_port = {self.port}\n'
            "\twss = false\n}\nadmin: {\n\tadmin_ws = false\n\tadmin_wss = false\n}\n",
        )
        ids = str(self._string_ids).lower()
        rooms = "".join(room.text() for room in self._rooms)
        self._put("janus.plugin.videoroom.jcfg", f"general: {{\n\tstring_ids = {ids}\n}}\n{rooms}")

    def _put(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)

    @staticmethod
    def _others(kind: str, keep: str) -> str:
        janus = shutil.which("janus")
        assert janus is not None, "Janus is not installed"
        found = sorted(Path(janus).resolve().parent.parent.glob(f"lib/**/janus/{kind}/*.so"))
        return ",".join(path.name for path in found if path.name != keep)
