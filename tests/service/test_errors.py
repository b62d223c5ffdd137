"""Every error has the contract's body."""

from __future__ import annotations

import httpx2


def assert_error(answer: httpx2.Response, status: int, code: int) -> dict[str, object]:
    """The contract's body (1.4), with this status and code."""
    assert answer.status_code == status, answer.text
    body: dict[str, object] = answer.json()
    assert set(body) == {"type", "status", "error_code", "error_reason", "error_description"}
    assert body["status"] == status
    assert body["error_code"] == code
    assert str(body["type"]).endswith(f"/docs/errors#{code}")
    assert str(body["error_description"]).endswith("."), body
    return body


async def test_unknown_route(anybody: httpx2.AsyncClient) -> None:
    """An address that there is not answers 404 with the body."""
    assert_error(await anybody.get("/v2/nothing"), 404, 404)
