"""The API keys in memory, so that no request waits for the store and a dead store locks nobody out."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.store.keys import PREFIX, ApiKey, Scope, hash_token, list_keys

REFRESH_SECONDS = 1.0  # A key made or revoked by the command counts this soon in every worker.
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the owner's name in the store, and what they may do."""

    owner: str
    scopes: frozenset[Scope]


OPEN_HOUSE = Caller(owner="", scopes=frozenset(Scope))


@dataclass
class KeyRing:
    """All keys ever made, by id."""

    engine: Engine
    keys: dict[str, ApiKey] = field(default_factory=dict)

    def load(self) -> None:
        """Read all keys; the old ones stay when the store does not answer."""
        try:
            self.keys = {key.id: key for key in list_keys(self.engine)}
        except SQLAlchemyError as error:
            _log.warning("keys not refreshed", error=type(error).__name__)

    def caller(self, token: str) -> Caller | None:
        """Whose token it is, or None. The comparison takes the same time wherever the token differs."""
        prefix, _, rest = token.partition("_")
        key = self.keys.get(rest.partition("_")[0]) if prefix == PREFIX else None
        if key is None or key.revoked_at_ms is not None:
            return None
        return Caller(key.id, key.scopes) if hmac.compare_digest(hash_token(token), key.secret_sha256) else None

    def caller_of(self, key_id: str) -> Caller | None:
        """Whose key has the id, for a browser that has shown the key before; None when it is revoked."""
        key = self.keys.get(key_id)
        return None if key is None or key.revoked_at_ms is not None else Caller(key.id, key.scopes)
