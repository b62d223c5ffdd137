"""The configuration that our own Janus runs with (Janus 1.1, libconfig syntax). Pure text.

Only the WebSocket transport and the videoroom plugin are loaded, reachable on loopback only and
with a random secret. Rooms are made later by mixer/room/janus_control.py.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixer.room.settings import RoomSettings

LIBRARY_PARENTS = ("lib", "lib64")
VIDEOROOM = "janus.plugin.videoroom"
AUDIO_LEVEL_PACKETS = 20  # 0.4 s of Opus packets between two decisions about who speaks
AUDIO_LEVEL_SPEAKING = 55  # -dBov (RFC 6464), mean of those packets; louder is speech


@dataclass(frozen=True, slots=True)
class JanusSecrets:
    api: str
    admin: str
    rooms: str  # admin_key of the videoroom plugin: who may create rooms


def quoted(text: str) -> str:
    """A libconfig string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    if any(ord(c) < 0x20 for c in escaped):
        raise ValueError("control characters in a setting of Janus")
    return f'"{escaped}"'


def library_folder(janus: Path) -> Path | None:
    """Where Janus' plugins lie, from its own binary's place; None: the one compiled into it."""
    prefix = janus.resolve().parent.parent
    for parent in LIBRARY_PARENTS:
        for found in sorted((prefix / parent).glob("*/janus/plugins")):
            return found.parent
        if (prefix / parent / "janus" / "plugins").is_dir():
            return prefix / parent / "janus"
    return None


def write_configuration(
    directory: Path, settings: RoomSettings, secrets: JanusSecrets, port: int
) -> None:
    """Writes janus.jcfg and its parts into `directory` for `janus -F directory`."""
    texts = {
        "janus.jcfg": _core(directory, settings, secrets),
        "janus.transport.websockets.jcfg": _websockets(port),
        f"{VIDEOROOM}.jcfg": _videoroom(secrets),
    }
    for name, text in texts.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


def _core(directory: Path, settings: RoomSettings, secrets: JanusSecrets) -> str:
    low, high = settings.rtp_ports
    plugins = _others(settings.janus, "plugins", f"lib{VIDEOROOM.split('.')[-1]}")
    transports = _others(settings.janus, "transports", "websockets")
    nat = ["nice_debug = false", "full_trickle = false"]
    if settings.nat_1_1:
        nat += [f"nat_1_1_mapping = {quoted(settings.nat_1_1)}", "keep_private_host = true"]
    if settings.ice_interfaces:
        nat.append(f"ice_enforce_list = {quoted(','.join(settings.ice_interfaces))}")
    return f"""general: {{
	configs_folder = {quoted(str(directory))}
	debug_level = 3
	debug_timestamps = true
	debug_colors = false
	api_secret = {quoted(secrets.api)}
	admin_secret = {quoted(secrets.admin)}
	server_name = "mixer"
	session_timeout = 60
	reclaim_session_timeout = 0
	hide_dependencies = true
}}
media: {{
	ipv6 = true
	rtp_port_range = "{low}-{high}"
	min_nack_queue = 500
	no_media_timer = 0
	twcc_period = 100
}}
nat: {{
	{chr(10).join(nat).replace(chr(10), chr(10) + chr(9))}
}}
plugins: {{
	disable = {quoted(plugins)}
}}
transports: {{
	disable = {quoted(transports)}
}}
loggers: {{
	disable = {quoted(_others(settings.janus, "loggers", "-"))}
}}
events: {{
	broadcast = false
}}
"""


def _websockets(port: int) -> str:
    return f"""general: {{
	json = "compact"
	pingpong_trigger = 10
	pingpong_timeout = 10
	ws = true
	ws_ip = "127.0.0.1"
	ws_port = {port}
	wss = false
	ws_logging = "err"
}}
admin: {{
	admin_ws = false
	admin_wss = false
}}
"""


def _videoroom(secrets: JanusSecrets) -> str:
    return f"""general: {{
	admin_key = {quoted(secrets.rooms)}
	lock_rtp_forward = true
	string_ids = true
	events = false
}}
"""


def _others(janus: Path, kind: str, keep: str) -> str:
    """The shared objects of this kind that are not to be loaded, comma-separated."""
    folder = library_folder(janus)
    if folder is None:
        return ""
    names = sorted(path.name for path in (folder / kind).glob("libjanus_*.so"))
    return ",".join(n for n in names if n != f"libjanus_{keep.removeprefix('lib')}.so")


def room_request(room: str, pin: str, settings: RoomSettings, admin_key: str) -> dict[str, Any]:
    """The videoroom plugin's `create` request of one of our rooms.

    No video-orientation: the sender then rotates its pictures itself and the journal's pictures
    are upright. DTX off: with it, silence would be a gap that cannot be told from loss.
    `fir_freq` 0: keyframes come when a receiver asks for them.
    """
    return {
        "request": "create",
        "room": room,
        "admin_key": admin_key,
        "pin": pin,
        "description": room,
        "is_private": True,
        "permanent": False,
        "publishers": 2 * settings.max_participants + 10,
        "bitrate": settings.bitrate_bps,
        "bitrate_cap": True,
        "fir_freq": 0,
        "audiocodec": "opus",
        "videocodec": "vp8,h264",
        "h264_profile": "42e01f",
        "opus_fec": True,
        "opus_dtx": False,
        "audiolevel_ext": True,
        "audiolevel_event": True,
        "audio_active_packets": AUDIO_LEVEL_PACKETS,
        "audio_level_average": AUDIO_LEVEL_SPEAKING,
        "videoorient_ext": False,
        "playoutdelay_ext": False,
        "transport_wide_cc_ext": True,
        "record": False,
        "lock_record": True,
        "notify_joining": True,
    }


def janus_version(janus: Path) -> str:
    """The first line of `janus --version`, e.g. 'Janus version: 1102 (1.1.2)'; '' if it fails."""
    try:
        run = subprocess.run([janus, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next((line for line in run.stdout.splitlines() if "version" in line.lower()), "")
