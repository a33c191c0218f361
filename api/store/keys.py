"""API keys: made, listed, revoked. Only the SHA-256 of a key is kept.

A key is 256 random bits, so a plain hash cannot be guessed back; slow password hashing would only cost every request.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, insert, select, update

from api.store.clock import now_ms
from api.store.database import reading
from api.store.tables import api_keys

PREFIX = "shk"


class Scope(StrEnum):
    """What a key may do."""

    recommend = "recommend"
    feedback = "feedback"
    admin = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept."""

    id: str
    name: str
    secret_sha256: str
    scopes: frozenset[Scope]
    created_at_ms: int
    revoked_at_ms: int | None


def create_key(engine: Engine, name: str, scopes: Iterable[Scope]) -> tuple[ApiKey, str]:
    """Make a key; the second value is the token, which is shown once and kept nowhere."""
    key_id = secrets.token_hex(6)
    token = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    key = ApiKey(key_id, name, hash_token(token), frozenset(scopes), now_ms(), None)
    with engine.begin() as connection:
        connection.execute(
            insert(api_keys).values(
                id=key.id,
                name=key.name,
                secret_sha256=key.secret_sha256,
                scopes=" ".join(sorted(key.scopes)),
                created_at_ms=key.created_at_ms,
            )
        )
    return key, token


def list_keys(engine: Engine) -> list[ApiKey]:
    """All keys ever made, revoked ones too, oldest first."""
    table = api_keys.c
    query = select(
        table.id, table.name, table.secret_sha256, table.scopes, table.created_at_ms, table.revoked_at_ms
    ).order_by(table.created_at_ms, table.id)
    with reading(engine).connect() as connection:
        rows = connection.execute(query).all()
    return [
        ApiKey(key_id, name, digest, frozenset(Scope(scope) for scope in scopes.split()), created_at_ms, revoked_at_ms)
        for key_id, name, digest, scopes, created_at_ms, revoked_at_ms in rows
    ]


def revoke_key(engine: Engine, key_id: str) -> bool:
    """Revoke a key; whether there was one that was not revoked yet."""
    with engine.begin() as connection:
        done = connection.execute(
            update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at_ms.is_(None))
            .values(revoked_at_ms=now_ms())
        )
    return bool(done.rowcount)


def hash_token(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
