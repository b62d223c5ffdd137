"""What operators do: their forms change what REST would, and say what went wrong."""

from __future__ import annotations

import json
import re
from html import unescape

import httpx2
from sqlalchemy import select, update

from mixer.dashboard import health, reports
from mixer.records.models import Conference, Event, Recording, Session
from mixer.service import applications
from mixer.service.context import Service, now_ms
from tests.service.published import Archive

from .conftest import EMAIL, send
from .seeded import PEOPLE, Site, recorder, seed, video


async def told(client: httpx2.AsyncClient, answer: httpx2.Response) -> str:
    """The sentence that the page says to which a form has led."""
    assert answer.status_code == 303, answer.text
    page = await client.get(answer.headers["location"])
    found = re.search(r'<p class="told[^>]*>([^<]*)</p>', page.text)
    assert found is not None
    return unescape(found[1])


async def only(service: Service, kind: type) -> list:  # type: ignore[type-arg]
    async with service.database.reading() as db:
        return list(await db.scalars(select(kind)))


async def test_a_secret_is_shown_once_and_works(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    page = await send(operator, "/applications", name="Town hall", webhook_url="")
    assert page.status_code == 201
    key, secret = re.findall(r"<dd><code>([^<]+)</code>", page.text)
    assert await applications.authenticate(service.database, key, secret) is not None
    assert secret not in (await operator.get("/dashboard/applications")).text


async def test_settings_are_checked_like_those_of_the_command(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    key, _ = await applications.create(service.database, "Tests")
    before = (await applications.list_all(service.database))[0].settings
    given = {name: str(value) for name, value in before if type(value) in (int, str)}
    given |= {"webhook_url": "ftp://x", "webhook_events": "Recordings.Available"}
    refused = await send(operator, f"/applications/{key}", **given)
    assert refused.status_code == 400
    assert "webhook_url" in refused.text and "ftp://x" in refused.text
    given |= {"webhook_url": "https://example.org/", "retention_raw_days": "7"}
    assert (await send(operator, f"/applications/{key}", **given)).status_code == 303
    after = (await applications.list_all(service.database))[0].settings
    assert after.webhook_events == ["Recordings.Available"]
    assert (after.retention_raw_days, after.signed_urls) == (7, False)


async def test_a_secret_is_renewed(service: Service, operator: httpx2.AsyncClient) -> None:
    """Only by who says that the old one may end; shown by that answer alone."""
    key, old = await applications.create(service.database, "Tests")
    refused = await send(operator, f"/applications/{key}/secret")
    assert "as it was" in await told(operator, refused)
    assert await applications.authenticate(service.database, key, old) is not None
    page = await send(operator, f"/applications/{key}/secret", sure="yes")
    (new,) = re.findall(r"<p><code>([^<]+)</code></p>", page.text)
    assert await applications.authenticate(service.database, key, new) is not None
    assert await applications.authenticate(service.database, key, old) is None
    assert page.headers["cache-control"] == "no-store"
    assert new not in (await operator.get(f"/dashboard/applications/{key}")).text
    assert (await send(operator, "/applications/none/secret", sure="yes")).status_code == 404


async def test_the_webhooks_secret_is_hidden_until_asked_for(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    """The one that the outbox signs with."""
    key, _ = await applications.create(service.database, "Tests")
    secret = await service.outbox.keys.secret_of(key)
    assert secret.startswith("whsec_")
    assert secret not in (await operator.get(f"/dashboard/applications/{key}")).text
    page = await send(operator, f"/applications/{key}/webhook-secret")
    assert unescape(page.text).count(secret) == 1
    assert (await send(operator, "/applications/none/webhook-secret")).status_code == 404


async def test_the_signing_key_is_rotated(service: Service, operator: httpx2.AsyncClient) -> None:
    """The new one is published beside the old one."""
    (old,) = await service.outbox.keys.published()
    sentence = await told(operator, await send(operator, "/signing-key"))
    published = await service.outbox.keys.published()
    assert len(published) == 2 and old in published
    assert any(id in sentence for id in published if id != old)


async def test_secrets_take_a_form_of_the_visit(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    """No other site can have a secret renewed, shown or rotated."""
    key, _ = await applications.create(service.database, "Tests")
    for path in (f"/applications/{key}/secret", f"/applications/{key}/webhook-secret"):
        assert (await operator.post(f"/dashboard{path}", data={"sure": "yes"})).status_code == 403
    assert (await operator.post("/dashboard/signing-key")).status_code == 403


async def test_conferences_are_found(service: Service, operator: httpx2.AsyncClient) -> None:
    """By a part of the alias, by the id's beginning, by day, state and application; in pages."""
    site = await seed(service)

    async def found(query: str) -> list[str]:
        page = await operator.get(f"/dashboard/conferences?{query}", headers={"hx-request": "true"})
        assert page.status_code == 200 and "<html" not in page.text
        return re.findall(r'/dashboard/conferences/([0-9a-f-]{36})"', page.text)

    assert await found("q=COLLOQ") == [site.live.id]
    assert await found(f"q={site.recorded.id[:13]}") == [site.recorded.id]
    assert await found("q=100%25") == []
    assert await found("state=live") == [site.live.id]
    assert len(await found("state=recorded")) == 13
    assert await found("from=2001-01-01&to=2001-01-02") == []
    first = await operator.get(f"/dashboard/conferences?app={site.keys[0]}&q=e")
    everything = await found("")
    assert len(everything) == 25
    older = re.search(
        r'href="([^"]*start=[^"]+)">Older', (await operator.get("/dashboard/conferences")).text
    )
    assert older is not None
    rest = await found(unescape(older[1]).partition("?")[2])
    assert len(rest) == 15 and not set(rest) & set(everything)
    assert first.status_code == 200
    assert (await operator.get("/dashboard/conferences?start=nonsense")).status_code == 400


async def test_a_recording_is_started_paused_and_stopped(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    key, _ = await applications.create(service.database, "Tests")
    opened = await send(operator, "/conferences", alias="sync", app=key, live_recording="on")
    path = opened.headers["location"].removeprefix("/dashboard")
    assert await told(operator, await send(operator, f"{path}/pause")) == (
        "Nothing is being recorded: start a recording first."
    )
    small = await send(operator, f"{path}/start", size="12x12")
    assert "give 390 to 1920 pixels" in await told(operator, small)
    mix = {"size": "1280x720", "mix_id": "wide"}
    assert await told(operator, await send(operator, f"{path}/start", **mix)) == "Recording begins."
    await send(operator, f"{path}/pause")
    (session,) = await only(service, Session)
    assert session.wanted["paused"] is True
    assert "Resume" in (await operator.get(f"/dashboard{path}")).text
    await send(operator, f"{path}/resume")
    stopped = await send(operator, f"{path}/stop", back="live")
    assert stopped.headers["location"] == "/dashboard/live"
    assert "running" not in (await operator.get(f"/dashboard{path}/status")).text
    assert "wide" in (await operator.get(f"/dashboard{path}/status")).text


async def test_an_operators_log_in_is_told_to_nobody(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    """Neither as the owner of the conferences they open, nor in the token they join with."""
    key, _ = await applications.create(service.database, "Tests", "https://example.org/hooks")
    await applications.change(service.database, key, {"access_control": True})
    opened = await send(operator, "/conferences", alias="sync", app=key)
    page = await operator.get(opened.headers["location"])
    (token,) = re.findall(r"#cat=([^\"&]+)", page.text)
    claims = service.tokens.read(token, "conference")
    assert claims.external_id == "" and "JOIN" in claims.permissions
    (conference,) = await only(service, Conference)
    assert conference.owner_external_id == ""
    (created,) = await only(service, Event)
    assert EMAIL not in json.dumps(created.body)


async def test_ending_and_deleting_want_a_confirmation(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    site = await seed(service, conferences=2)
    for conference, act in ((site.live, "terminate"), (site.recorded, "delete")):
        path = f"/conferences/{conference.id}/{act}"
        assert "tick the box" in (await told(operator, await send(operator, path))).lower()
    assert all(row.deleted_at is None for row in await only(service, Recording))
    await send(operator, f"/conferences/{site.live.id}/terminate", sure="on")
    rows = {row.id: row for row in await only(service, Conference)}
    assert rows[site.live.id].end_reason == "terminated"
    path = f"/conferences/{site.recorded.id}/delete"
    assert "4 files" in await told(operator, await send(operator, path, sure="on"))
    assert all(row.deleted_at for row in await only(service, Recording))
    assert "4" in (await operator.get("/dashboard/retention")).text


async def test_a_remix_of_what_goes_on_is_refused(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    site = await seed(service, conferences=2)
    path = f"/conferences/{site.live.id}/remix"
    answer = await send(operator, path, size="640x480")
    assert await told(operator, answer) == "The conference goes on: remix it when it has ended."


async def test_dead_letters_are_sent_again(service: Service, operator: httpx2.AsyncClient) -> None:
    await seed(service, conferences=20)
    dead = [event for event in await only(service, Event) if event.state == "dead"]
    assert dead and "given up" in (await operator.get("/dashboard/webhooks?state=dead")).text
    one = await operator.get(f"/dashboard/webhooks/{dead[0].uid}")
    assert "did not answer within 10 s" in one.text
    await send(operator, f"/webhooks/{dead[0].uid}")
    await send(operator, "/webhooks/dead")
    events = await only(service, Event)
    assert {event.state for event in events if event.id in {one.id for one in dead}} == {"pending"}


async def test_blank_dead_letters_are_not_sent_again(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    """What they said is deleted: they are not counted among those to be sent, and say why."""
    await seed(service, conferences=20)
    async with service.database.writing() as db:
        await db.execute(update(Event).values(body={}, sent_body=None))
    assert "Send all of them again" not in (await operator.get("/dashboard/webhooks")).text
    dead = next(event for event in await only(service, Event) if event.state == "dead")
    page = await operator.get(f"/dashboard/webhooks/{dead.uid}")
    assert "has been deleted" in page.text and "Send again" not in page.text
    refused = await told(operator, await send(operator, f"/webhooks/{dead.uid}"))
    assert refused.startswith("This cannot be sent any more")
    assert "nothing to send" in await told(operator, await send(operator, "/webhooks/dead"))
    assert next(e for e in await only(service, Event) if e.id == dead.id).response is not None


async def test_players_get_ranges_and_downloads_fresh_addresses(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    await seed(service, conferences=2)
    films = [row for row in await only(service, Recording) if row.media_type == "video/mp4"]
    path = f"/dashboard/recordings/{films[0].id}"
    part = await operator.get(f"{path}/file", headers={"range": "bytes=0-9"})
    assert part.status_code == 206 and len(part.content) == 10
    poster = await operator.get(f"{path}/poster.jpg")
    assert poster.content.startswith(b"\xff\xd8")
    signed = (await operator.get(f"{path}/download")).headers["location"]
    assert "signature=" in signed
    operator.cookies.clear()
    assert (await operator.get(signed)).status_code == 200
    assert (await operator.get(f"{path}/file")).status_code == 303


async def test_nothing_but_the_report_is_seen_of_a_folder(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    """Changed, overdue and climbing addresses lead nowhere; the report is sandboxed."""
    site = await seed(service, conferences=2)
    session = next(s for s in await only(service, Session) if s.conference_id == site.recorded.id)
    found = await operator.get(f"/dashboard/reports/{session.id}")
    address = found.headers["location"]
    operator.cookies.clear()
    page = await operator.get(address)
    assert page.headers["content-security-policy"].startswith("sandbox")
    top = address.removesuffix(reports.REPORT)
    for name in ("plan.json", "report/../plan.json", "report/%2e%2e/%2e%2e/x.json", "/etc/hosts"):
        assert (await operator.get(top + name)).status_code == 404, name
    assert (
        await operator.get(address.replace(session.id, site.live_session.id))
    ).status_code == 403
    ends = now_ms() // 1000 - 1
    late = f"/dashboard/reports/{session.id}/{ends}/{reports._signature(service, session.id, ends)}"
    assert (await operator.get(f"{late}/{reports.REPORT}")).status_code == 403


async def test_names_of_strangers_are_only_text(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    key, _ = await applications.create(service.database, "<b>Tests</b>")
    archive = Archive(service, key)
    conference = await archive.conference("<script>alert(1)</script>", created_at=now_ms())
    await archive.stay(conference, "p", name='"><img src=x onerror=alert(1)>')
    for path in ("/conferences", f"/conferences/{conference.id}", "/applications"):
        text = (await operator.get(f"/dashboard{path}")).text
        assert "<script>alert" not in text and "<img src=x" not in text and "<b>Tests" not in text


async def test_the_live_picture_is_of_the_newest_segment(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    from mixer.recorder.plan import RecordFolder

    site: Site = await seed(service, conferences=2)
    async with recorder(site):
        page = await operator.get("/dashboard/live")
    assert "All is well" in page.text and "-000000" in page.text
    folder = RecordFolder(service.settings.data / site.live_session.folder)
    work = folder.mix_work(folder.load().mixes[0])
    first = await operator.get(f"/dashboard/live/{site.live_session.id}.jpg")
    video(work.segment(3), PEOPLE[:1], 0.5)
    work.segment(4).touch()  # not whole
    second = await operator.get(f"/dashboard/live/{site.live_session.id}.jpg")
    assert first.content != second.content
    assert "-000003" in (await operator.get("/dashboard/live")).text


def test_health_in_words() -> None:
    """The worst that is known is said."""
    mix = {"running": True, "lag_s": 0.5}
    ingest = {"users": 1, "tracks": [{"bps": 1, "packets": 970}], "lost": 30}
    live = {"ingest": ingest, "mixes": {"a": mix}, "free_bytes": 10**10}
    live |= {"recorded_s": 1.0, "ingest_restarts": 0}
    state = {"status": "recording", "mixes": [{"beganAt": 1}], "live": live}
    assert health.of(state).word == "losing"
    assert health.of({**state, "live": None}).word == "silent"
    assert health.of({**state, "live": None, "mixes": [{"beganAt": None}]}).word == "starting"
    assert health.of({**state, "status": "paused"}).word == "paused"
    assert health.of({**state, "live": {**live, "free_bytes": 1}}).word == "full"
    ingest["lost"] = 0
    assert health.of(state).word == "good"
    mix["lag_s"] = 11.0
    assert health.of(state).word == "late"
