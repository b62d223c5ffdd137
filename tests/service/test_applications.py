"""Applications are made, set and found; their secrets are nowhere but with who made them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mixer.cli import app as command
from mixer.errors import UsageError
from mixer.records import Database
from mixer.records import models as tables
from mixer.service import applications
from mixer.service.context import Service
from mixer.service.settings import ServiceSettings, read_settings
from mixer.webhooks.keys import WebhookKeys

from .conftest import BOTH_DATABASES


@BOTH_DATABASES
async def test_create_and_authenticate(service: Service) -> None:
    """Key and secret are right together only; the secret is not kept."""
    key, secret = await applications.create(service.database, " My  app ")
    found = await applications.authenticate(service.database, key, secret)
    assert found is not None and found.name == "My app"
    assert await applications.authenticate(service.database, key, secret + "x") is None
    assert await applications.authenticate(service.database, "x", secret) is None
    if service.database.is_sqlite:
        service_db = service.settings.data
        assert not any(secret.encode() in p.read_bytes() for p in service_db.glob("mixer.db*"))


@BOTH_DATABASES
async def test_change(service: Service) -> None:
    """Settings change one by one; '' takes an address away; others stay."""
    key, _ = await applications.create(service.database, "A", "https://hook.example.org/x")
    await applications.change(service.database, key, {"recording_format": "both"})
    changed = await applications.change(service.database, key, {"webhook_url": ""})
    assert changed.settings.recording_format == "both"
    assert changed.settings.webhook_url is None
    assert (await applications.get(service.database, key)) == changed
    assert await applications.list_all(service.database) == [changed]


@pytest.mark.parametrize("layout", ["grid", "default", "grid?theme=dark", "https://x.org/l"])
async def test_layouts(service: Service, layout: str) -> None:
    """What a start of a recording takes as layoutUrl an application may have always."""
    key, _ = await applications.create(service.database, "A")
    changed = await applications.change(service.database, key, {"layout_url": layout})
    assert changed.settings.layout_url == layout
    assert (await applications.change(service.database, key, {"layout_url": ""})).settings == (
        applications.ApplicationSettings()
    )


async def test_settings_of_another_version(service: Service) -> None:
    """What is stored and not possible (any more) is as if it were not set: the others hold."""
    key, _ = await applications.create(service.database, "A")
    async with service.database.writing() as db:
        row = await db.get_one(tables.Application, key)
        row.settings = {"layout_url": "gone", "later": 1, "recording_format": "both"}
    found = await applications.get(service.database, key)
    assert found is not None
    assert found.settings == applications.ApplicationSettings(recording_format="both")


@pytest.mark.parametrize(
    "fields",
    [
        {"recording_format": "ogg"},
        {"webhook_url": "ftp://x/"},
        {"webhook_url": "http://"},
        {"webhook_url": "http://a b/"},
        {"webhook_events": ["Nothing.Happened"]},
        {"retention_mix_days": 0},
        {"unknown": 1},
        {"layout_url": "x"},
        {"layout_url": "http://[x"},
        {"layout_url": "https://x.example.org:999999/"},
        {"webhook_url": "https://x.example.org:999999/"},
        {"webhook_url": "http://[x"},
    ],
)
async def test_impossible_settings(service: Service, fields: dict[str, Any]) -> None:
    """What cannot be is refused by name, and nothing changes."""
    key, _ = await applications.create(service.database, "A")
    with pytest.raises(UsageError, match=next(iter(fields))):
        await applications.change(service.database, key, fields)
    found = await applications.get(service.database, key)
    assert found is not None and found.settings == applications.ApplicationSettings()


async def test_impossible_names(service: Service) -> None:
    """A name is printable and not too long."""
    for name in ("", "  ", "x" * 201, "a\0b", "a\x1bb"):
        with pytest.raises(UsageError, match="name"):
            await applications.create(service.database, name)


def _run(*arguments: str) -> str:
    done = CliRunner().invoke(command, ["app", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_commands(tmp_path: Path) -> None:
    """The commands work on a database that nobody serves (yet), and say JSON when asked."""
    data = ["--data", str(tmp_path / "data")]
    made = json.loads(
        _run("create", "Mine", "--webhook", "https://x.example.org/", "--json", *data)
    )
    assert set(made) == {"key", "secret"}
    fields = ["recording_format=mp3", "webhook_events=Recordings.Available,Participant.Left"]
    _run("set", made["key"], *fields, *data)
    (listed,) = [json.loads(line) for line in _run("list", "--json", *data).splitlines()]
    assert listed["name"] == "Mine"
    assert listed["settings"]["recording_format"] == "mp3"
    assert listed["settings"]["webhook_events"] == ["Recordings.Available", "Participant.Left"]
    assert made["secret"] not in _run("list", *data)
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_commands_of_secrets(tmp_path: Path) -> None:
    """A new secret instead of the old one; the webhooks' secret; a further key that signs."""
    data = ["--data", str(tmp_path / "data"), "--json"]
    made = json.loads(_run("create", "Mine", *data))
    new = json.loads(_run("renew-secret", made["key"], *data))["secret"]
    hook = json.loads(_run("webhook-secret", made["key"], *data))["webhookSecret"]
    added = json.loads(_run("rotate-webhook-key", *data))["keyId"]

    async def known() -> tuple[bool, bool, str, list[str]]:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'data' / 'mixer.db'}")
        keys = WebhookKeys(database)
        try:
            old_one = await applications.authenticate(database, made["key"], made["secret"])
            new_one = await applications.authenticate(database, made["key"], new)
            secret = await keys.secret_of(made["key"])
            return bool(old_one), bool(new_one), secret, list(await keys.published())
        finally:
            await database.close()

    old_passes, new_passes, secret, published = asyncio.run(known())
    assert (old_passes, new_passes) == (False, True)
    assert hook == secret and hook.startswith("whsec_")
    assert len(published) == 2 and added in published


def test_commands_refuse(tmp_path: Path) -> None:
    """One line and exit status 2."""
    for wrong in (
        ["set", "nobody", "recording_format=mp3"],
        ["set", "x", "nonsense"],
        ["renew-secret", "nobody"],
        ["webhook-secret", "nobody"],
        ["forget-server", "https://nobody.example.org"],
    ):
        done = CliRunner().invoke(command, ["app", *wrong, "--data", str(tmp_path / "d")])
        assert done.exit_code == 2, done.output


def test_precedence_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags win over variables, variables over the file."""
    config = tmp_path / "mixer.toml"
    config.write_text('port = 1\nhost = "0.0.0.0"\nregion = "eu"\nice_servers = ["stun:a:1"]\n')
    monkeypatch.setenv("MIXER_PORT", "2")
    monkeypatch.setenv("MIXER_ICE_INTERFACES", "eth0 eth1")
    found = read_settings(config, host="127.0.0.2", public_url=None)
    assert (found.host, found.port, found.region) == ("127.0.0.2", 2, "eu")
    assert (found.ice_servers, found.ice_interfaces) == (("stun:a:1",), ("eth0", "eth1"))


@pytest.mark.parametrize(
    "text", ["port = 'x'", "nonsense = 1", "tls_cert = '/x'", "public_url = 'x'", "= 3", "port=-1"]
)
def test_impossible_configuration(tmp_path: Path, text: str) -> None:
    """A configuration that cannot be is one line."""
    config = tmp_path / "mixer.toml"
    config.write_text(text)
    with pytest.raises(UsageError):
        read_settings(config)
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings(tmp_path / "missing.toml")


def test_secrets_are_not_shown() -> None:
    """Printing the settings prints no secret."""
    settings = ServiceSettings(s3_secret_key="hush")  # type: ignore[arg-type]
    assert "hush" not in repr(settings) + str(settings)


def test_public_address() -> None:
    """What clients are told."""
    assert ServiceSettings(public_url="https://x.org/m/").base_url == "https://x.org/m"
    assert ServiceSettings(host="::1", port=1, tls_self_signed=True).base_url == "https://[::1]:1"
    assert ServiceSettings(host="0.0.0.0").base_url == "http://127.0.0.1:8700"


def test_documented_settings() -> None:
    """docs/service.md lists every setting, of the service and of applications, and no other."""
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    told = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    known = [*ServiceSettings.model_fields, *applications.ApplicationSettings.model_fields]
    assert sorted(told) == sorted(known)
