"""An address of a storage: `s3://BUCKET/PREFIX`, `file:///FOLDER` or a folder's path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..errors import UsageError

if TYPE_CHECKING:
    from ..service.settings import ServiceSettings

EXPLAINED = "give s3://BUCKET/PREFIX or file:///FOLDER"


@dataclass(frozen=True, slots=True)
class Location:
    """Where objects lie, and how one gets in. Either `folder` or `bucket`.

    What is None is found as obstore finds it: AWS_* variables, web identity, instance roles.
    """

    folder: Path | None = None
    bucket: str = ""
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    virtual_hosted_style: bool = False

    def __str__(self) -> str:
        if self.folder is not None:
            return str(self.folder)
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_location(url: str, **access: Any) -> Location:
    """Raises UsageError for what is no such address. `access`: fields of Location."""
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc:
        return Location(bucket=parts.netloc, prefix=parts.path.strip("/"), **access)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and len(parts.path) > 1:
        return Location(folder=Path(unquote(parts.path)))
    raise UsageError(f"{url!r} is no storage: {EXPLAINED}")


def configured(settings: ServiceSettings) -> Location:
    """The service's storage."""
    if settings.storage_url is None:
        return Location(folder=settings.files_folder)
    secret = settings.s3_secret_key
    return parse_location(
        settings.storage_url,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=secret.get_secret_value() if secret is not None else None,
        virtual_hosted_style=settings.s3_virtual_hosted_style,
    )
