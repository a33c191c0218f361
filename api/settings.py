"""Settings of the service, from the environment with the prefix SHOUHOU_."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from limits import RateLimitItem, parse
from pydantic import AfterValidator, AnyHttpUrl, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from starlette.types import Scope

from api.request_headers import request_headers
from model.errors import InputError
from model.paths import ROOT

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def _printable(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise ValueError("只能是可见的 ASCII 字符，前后不能有空格")
    return secret


HeaderSecret = Annotated[SecretStr, AfterValidator(_printable)]


@dataclass(frozen=True, slots=True)
class ChatwootAccess:
    """Where Chatwoot is, as whom to write there, and how it signs. The address ends without a slash."""

    url: str
    token: SecretStr
    secret: SecretStr


class Settings(BaseSettings):
    """Every setting of the service; the README's table says the same."""

    model_config = SettingsConfigDict(env_prefix="SHOUHOU_", frozen=True, env_ignore_empty=True)

    data: Path = Field(ROOT / ".data", description="folder of the SQLite store")
    database_url: str | None = Field(None, description="PostgreSQL instead of SQLite")
    record: Literal["on", "off"] = Field("on", description="whether recommendations are recorded")
    retention_days: Annotated[int, Field(ge=1, le=3650)] = Field(180, description="what `shouhou store purge` keeps")
    rate_limit: str = Field("20000/minute", description="messages a key may send to one worker")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field((), description="pages that may call, comma-separated")
    frame_ancestors: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="help desks that may show the panel in a frame, comma-separated"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    chatwoot_url: AnyHttpUrl | None = Field(None, description="Chatwoot's address, such as https://chat.example.cn")
    chatwoot_token: HeaderSecret | None = Field(None, description="access token of the Chatwoot user who writes notes")
    chatwoot_secret: HeaderSecret | None = Field(None, description="secret that Chatwoot signs the webhook with")

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("应以 postgresql:// 开头；用 SQLite 就不要设")
        return url

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, rate: str) -> str:
        parse(rate)
        return rate

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, origins: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = origins.split(",") if isinstance(origins, str) else origins
        found = tuple(part.strip() for part in parts if part.strip())
        if "*" in found:
            raise ValueError("请写明来源；* 会让任何网页都能调用")
        return found

    @field_validator("frame_ancestors", mode="before")
    @classmethod
    def _hosts(cls, origins: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = origins.split(",") if isinstance(origins, str) else origins
        found = tuple(part.strip().lower().rstrip("/") for part in parts if part.strip())
        for origin in found:
            match = _ORIGIN.fullmatch(origin)
            if match is None or (match[1] == "http" and not is_loopback(match[2])):
                raise ValueError(f"{origin} 不是 https://desk.example 这样的网址（http 只限本机）")
        return found

    @field_validator("chatwoot_url")
    @classmethod
    def _plain_address(cls, url: AnyHttpUrl | None) -> AnyHttpUrl | None:
        if url is not None and (url.username or url.password or url.query or url.fragment):
            raise ValueError("只写协议、主机、端口和路径；令牌另有设置")
        return url

    @property
    def chatwoot(self) -> ChatwootAccess | None:
        """The access to Chatwoot; None, and the integration off, unless all three settings are there."""
        if self.chatwoot_url is None or self.chatwoot_token is None or self.chatwoot_secret is None:
            return None
        return ChatwootAccess(str(self.chatwoot_url).rstrip("/"), self.chatwoot_token, self.chatwoot_secret)

    @property
    def chatwoot_missing(self) -> list[str]:
        """Variables to set before the integration is on; empty when it is, or when none is set."""
        values = {
            "SHOUHOU_CHATWOOT_URL": self.chatwoot_url,
            "SHOUHOU_CHATWOOT_TOKEN": self.chatwoot_token,
            "SHOUHOU_CHATWOOT_SECRET": self.chatwoot_secret,
        }
        missing = [name for name, value in values.items() if value is None]
        return missing if len(missing) < len(values) else []

    @property
    def rate(self) -> RateLimitItem:
        """The limit, parsed."""
        return parse(self.rate_limit)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        InputError: a setting is wrong; names its variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "SHOUHOU_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InputError(f"{name}: {first['msg'].removeprefix('Value error, ')}", remedy="写法见 README") from error


@lru_cache(maxsize=1024)  # Asked for every request of the open house.
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(scope: Scope) -> str:
    """The name of this service that the client used: the Host header without its port."""
    host: str = request_headers(scope).get(b"host", b"").decode("latin-1")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return name.lower()
