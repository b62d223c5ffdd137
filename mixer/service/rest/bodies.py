"""Bodies of requests as the platform's clients send them: JSON, or a form; whole, null or empty.

Also the kinds of text that all bodies share. Nothing that a database cannot store gets past here.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from ..errors import ApiError

Body = TypeVar("Body", bound=BaseModel)

MAX_FORM_FIELDS = 50
MAX_TEXT_CHARS = 250


def _harmless(text: str) -> str:
    """No control characters (PostgreSQL stores no NUL, logs no line breaks)."""
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text):
        raise ValueError("there are control characters in it; take them out")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_harmless)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS), AfterValidator(_harmless)]


class Done(BaseModel):
    """What calls answer that have nothing to say. Never nothing: clients parse it as JSON."""


async def form_or_json(request: Request, model: type[Body]) -> Body:
    """The body as the model, from JSON or from a urlencoded form. Raises ApiError 400."""
    raw = await request.body()
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        fields: Any = _fields_of_form(raw)
    else:
        fields = _json(raw)
    if not isinstance(fields, dict):
        raise ApiError(400, 400, "INVALID_REQUEST", "The body is not a JSON object.")
    try:
        return model.model_validate({k: v for k, v in fields.items() if v is not None})
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(found) from None


def described(model: type[BaseModel], **example: Any) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body with `form_or_json`."""
    schema = model.model_json_schema(by_alias=True)
    content = {"schema": schema, "example": example}
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"requestBody": {"content": dict.fromkeys(kinds, content)}}


def _fields_of_form(raw: bytes) -> dict[str, str]:
    try:
        text = raw.decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise ApiError(400, 400, "INVALID_REQUEST", "The body is not a form in UTF-8.") from None
    return {name: value for name, value in pairs if value}


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise ApiError(400, 400, "INVALID_REQUEST", "The body is not valid JSON.") from None
    return {} if value is None else value
