"""Sessions of the pages: begun, found, ended. Only the SHA-256 of the browser's token is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from api.store.clock import now_ms
from api.store.database import reading
from api.store.keys import hash_token
from api.store.tables import sessions

LIFETIME_SECONDS = 12 * 3600  # A long shift.


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Whose session, and until when."""

    key_id: str
    expires_at_ms: int


def begin_session(engine: Engine, key_id: str) -> str:
    """Begin a session of a key, and forget the expired ones; the token is for the browser and kept nowhere."""
    token = secrets.token_urlsafe(32)
    now = now_ms()
    with engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.expires_at_ms <= now))
        connection.execute(
            insert(sessions).values(
                token_sha256=hash_token(token), key_id=key_id, expires_at_ms=now + LIFETIME_SECONDS * 1000
            )
        )
    return token


def find_session(engine: Engine, token: str) -> StoredSession | None:
    """The session of a token; None when it never was, ended or expired."""
    query = select(sessions.c.key_id, sessions.c.expires_at_ms).where(
        sessions.c.token_sha256 == hash_token(token), sessions.c.expires_at_ms > now_ms()
    )
    with reading(engine).connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else StoredSession(row.key_id, row.expires_at_ms)


def end_session(engine: Engine, token: str) -> None:
    """End a session."""
    with engine.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.token_sha256 == hash_token(token)))
