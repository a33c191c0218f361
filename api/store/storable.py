"""Text as the store takes it."""

from __future__ import annotations

from model.redaction import redact


def storable(text: str) -> str:
    """Redacted, and without what no database holds: NUL and lone surrogates become U+FFFD."""
    return redact(text.encode("utf-8", "replace").decode().replace("\0", "\ufffd"))
