"""`mixer app`: applications and operators of the service. Works on its database directly."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..errors import UsageError
from .running import Command, Json, run
from .serve import Config, Data

if TYPE_CHECKING:
    from ..records import Database
    from ..service.applications import Application

T = TypeVar("T")

app = typer.Typer(help="Applications and operators of the service.", no_args_is_help=True)


@app.command("create", cls=Command)
def create(
    name: str,
    webhook: Annotated[str | None, typer.Option(help="Where events are sent to.")] = None,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Creates an application; its secret is shown this once."""
    from ..service import applications

    key, secret = run(
        _with_database(config, data, lambda db: applications.create(db, name, webhook)), as_json
    )
    if as_json:
        print(json.dumps({"key": key, "secret": secret}))
    else:
        print(f"key:    {key}\nsecret: {secret}")


@app.command("set", cls=Command)
def set_fields(
    key: str,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Changes settings of an application; an empty VALUE takes one away."""
    from ..service import applications

    async def change(db: Database) -> Application:
        return await applications.change(db, key, _parsed(fields))

    changed = run(_with_database(config, data, change), as_json)
    _print([changed], as_json)


@app.command("list", cls=Command)
def list_all(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Lists the applications and their settings."""
    from ..service import applications

    _print(run(_with_database(config, data, applications.list_all), as_json), as_json)


@app.command("renew-secret", cls=Command)
def renew_secret(key: str, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Gives an application a new secret, shown this once; the old one is void from now on."""
    from ..service import applications

    async def renew(db: Database) -> str:
        return await applications.renew_secret(db, key)

    secret = run(_with_database(config, data, renew), as_json)
    print(json.dumps({"key": key, "secret": secret}) if as_json else f"secret: {secret}")


@app.command("webhook-secret", cls=Command)
def webhook_secret(
    key: str, data: Data = None, config: Config = None, as_json: Json = False
) -> None:
    """Shows what an application checks the Standard Webhooks signatures of its events with."""
    from ..service import applications
    from ..webhooks.keys import WebhookKeys

    async def look(db: Database) -> str:
        app = await applications.existing(db, key)
        return await WebhookKeys(db).secret_of(app.key)

    secret = run(_with_database(config, data, look), as_json)
    print(json.dumps({"key": key, "webhookSecret": secret}) if as_json else secret)


@app.command("rotate-webhook-key", cls=Command)
def rotate_webhook_key(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Makes a new key for `Dolby-Signature`; receivers see it before it signs, and lose nothing."""
    from ..webhooks.keys import WebhookKeys

    async def rotate(db: Database) -> str:
        return await WebhookKeys(db).rotate()

    id = run(_with_database(config, data, rotate), as_json)
    print(json.dumps({"keyId": id}) if as_json else f"new key: {id}")


@app.command("operator", cls=Command)
def operator(
    email: str,
    remove: Annotated[bool, typer.Option("--remove", help="They may log in no more.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Gives somebody access to the dashboard, or a new password; it is shown this once."""
    import secrets

    from ..dashboard import operators

    password = secrets.token_urlsafe(15)

    async def act(db: Database) -> None:
        await (operators.remove(db, email) if remove else operators.put(db, email, password))

    run(_with_database(config, data, act), as_json)
    if remove:
        print(json.dumps({"email": email, "removed": True}) if as_json else f"removed: {email}")
    elif as_json:
        print(json.dumps({"email": email, "password": password}))
    else:
        print(f"email:    {email}\npassword: {password}")


@app.command("forget-server", cls=Command)
def forget_server(
    server: Annotated[str, typer.Argument(help="Its address, or its id.")],
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Says that a server's data folder is lost: what it had not finished has failed.

    The servers that run end its recordings and take over its conferences. A data folder that comes
    back later is emptied.
    """
    from ..service import lost

    ids = run(_with_database(config, data, lambda db: lost.forget(db, server)), as_json)
    print(json.dumps({"forgotten": ids}) if as_json else f"forgotten: {', '.join(ids)}")


async def _with_database(config: Any, data: Any, act: Callable[[Database], Awaitable[T]]) -> T:
    from ..records import Database
    from ..records.migrate import upgrade
    from ..service.folders import make_folders
    from ..service.settings import read_settings

    settings = read_settings(config, data=data)
    make_folders(settings)
    database = Database(settings.database_address)
    try:
        await upgrade(database)
        return await act(database)
    finally:
        await database.close()


def _parsed(fields: list[str]) -> dict[str, Any]:
    """`field=value`; lists are comma-separated. Raises UsageError."""
    parsed: dict[str, Any] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not name:
            raise UsageError(f"{field!r} is not FIELD=VALUE, such as recording_format=both")
        is_list = name == "webhook_events"
        parsed[name] = (
            [one.strip() for one in value.split(",") if one.strip()] if is_list else value
        )
    return parsed


def _print(found: list[Application], as_json: bool) -> None:
    for one in found:
        settings = one.settings.model_dump(mode="json")
        if as_json:
            told = {"key": one.key, "name": one.name, "created_at": one.created_at}
            print(json.dumps({**told, "settings": settings}, ensure_ascii=False))
            continue
        print(f"{one.key}  {one.name}")
        for name, value in settings.items():
            print(f"    {name}={_as_given(value)}")


def _as_given(value: Any) -> str:
    """As `set` takes it."""
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
