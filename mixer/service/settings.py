"""What `mixer serve` is told: flags, MIXER_* variables, one TOML file, as one frozen value.

Flags win over variables, variables over the file. Names in the file are the fields' names here;
the variable of `storage_url` is MIXER_STORAGE_URL. docs/service.md lists them for operators.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ..errors import UsageError

Region = Literal["au", "ca", "eu", "in", "us"]
# A list in the file, words with spaces between them in a variable.
Names = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda given: given.split() if isinstance(given, str) else given),
]


class ServiceSettings(BaseSettings):
    """Everything the service's parts are told. `port` 0 takes a free one.

    Times in names carry their unit; sizes are bytes.
    """

    model_config = SettingsConfigDict(
        env_prefix="MIXER_", frozen=True, extra="ignore", validate_default=True
    )

    # where it listens, and as what it is known
    host: str = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    public_url: str | None = None  # http(s)://HOST[:PORT][/PATH], when behind a proxy
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_self_signed: bool = False
    trusted_proxies: str = "127.0.0.1"  # whose X-Forwarded-For is believed; comma-separated

    # where it keeps things
    data: Path = Path("mixer-data")
    database_url: str | None = None  # None: SQLite in the data folder
    storage_url: str | None = None  # None: files/ in the data folder; s3://BUCKET[/PREFIX]
    s3_endpoint: str | None = None  # of a store that is not Amazon's
    s3_region: str = "us-east-1"
    s3_access_key: str | None = None  # None: as obstore finds them (AWS_* variables, roles)
    s3_secret_key: SecretStr | None = None
    s3_virtual_hosted_style: bool = False

    # what it answers and allows
    region: Region = "us"
    allow_private_webhooks: bool = False
    allow_private_layouts: bool = False
    max_body_bytes: PositiveInt = 262_144
    body_timeout_s: PositiveFloat = 20.0  # for a request's whole body
    headers_timeout_s: PositiveFloat = 20.0  # for its headers
    failed_secrets_per_minute: PositiveInt = 20  # of one address for one key

    # conferences' media: as for `mixer room`
    janus: Path = Path("/usr/bin/janus")
    ice_servers: Names = ()  # stun:HOST:PORT or turn:HOST:PORT,USER,CREDENTIAL
    rtp_ports: str = "20000-40000"
    ice_interfaces: Names = ()
    nat_1_1: str | None = None
    bitrate_bps: PositiveInt = 2_000_000
    max_rooms: PositiveInt = 200
    max_participants: PositiveInt = 100

    # recorders
    max_recorders: PositiveInt | None = None  # None: what this machine carries
    spare_recorders: int = Field(default=1, ge=0, le=8)
    unreachable_timeout_s: PositiveFloat = 900.0  # then a recorder ends without its room

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("data")
    @classmethod
    def _absolute(cls, data: Path) -> Path:
        """Recorders have other working folders than the server."""
        return data.expanduser().absolute()

    @field_validator("public_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"https?://[^/\s]+", url):
            raise ValueError(f"{url!r} is no address: give http(s)://HOST[:PORT]")
        return url

    @field_validator("rtp_ports")
    @classmethod
    def _ports(cls, text: str) -> str:
        if not re.fullmatch(r"\d{4,5}-\d{4,5}", text):
            raise ValueError(f"{text!r} is not LOW-HIGH, such as 20000-40000")
        return text

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both or none")
        if self.tls_cert is not None and self.tls_self_signed:
            raise ValueError("tls_self_signed excludes tls_cert: give one of them")
        if self.storage_url is not None and urlsplit(self.storage_url).scheme not in ("s3", "file"):
            raise ValueError("storage_url is s3://BUCKET/PREFIX or file:///FOLDER")
        return self

    @property
    def secure(self) -> bool:
        return self.tls_self_signed or self.tls_cert is not None

    @property
    def base_url(self) -> str:
        """The public address, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"

    @property
    def database_address(self) -> str:
        """The SQLAlchemy URL with the driver that we use."""
        url = self.database_url
        if url is None:
            return f"sqlite+aiosqlite:///{self.database_file}"
        for plain in ("postgresql://", "postgres://"):
            if url.startswith(plain):
                return "postgresql+psycopg://" + url.removeprefix(plain)
        return url.replace("sqlite://", "sqlite+aiosqlite://", 1)

    @property
    def database_file(self) -> Path:
        """SQLite's, where no other database is set."""
        return self.data / "mixer.db"

    @property
    def files_folder(self) -> Path:
        """Where the local storage keeps its objects."""
        return self.data / "files"

    @property
    def presented_folder(self) -> Path:
        """What is presented in conferences that go on."""
        return self.data / "presented"

    @property
    def sessions_folder(self) -> Path:
        """Where recordings are made: one folder a session."""
        return self.data / "sessions"


def read_settings(config: Path | None = None, **flags: Any) -> ServiceSettings:
    """The settings from the file, the environment and the flags that are not None.

    Raises UsageError with one line: which setting, and what is wrong with it.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if config is not None:
        _check_names(config)

    class FromFile(ServiceSettings):
        model_config = SettingsConfigDict(toml_file=config)

    try:
        return ServiceSettings.model_construct(**dict(FromFile(**given)))
    except ValidationError as error:
        raise UsageError(_one_line(error)) from None


def _check_names(config: Path) -> None:
    """A misspelt setting is told, not passed over."""
    try:
        names = tomllib.loads(config.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"the configuration {config} cannot be read: {error}") from None
    unknown = sorted(set(names) - set(ServiceSettings.model_fields))
    if unknown:
        raise UsageError(f"{config}: there is no setting {unknown[0]!r}; see docs/service.md")


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    return f"setting {name}: {reason}" if name else reason
