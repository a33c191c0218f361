"""Chatwoot's webhook signature: HMAC-SHA256 of "timestamp.body", in headers.

Source: github.com/chatwoot/docs, api-reference/webhook-verification.mdx, and lib/webhooks/trigger.rb (v4.17).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

TIMESTAMP_HEADER = "X-Chatwoot-Timestamp"
SIGNATURE_HEADER = "X-Chatwoot-Signature"
TOLERANCE_SECONDS = 300  # Older ones may be replays; a clock may be wrong either way.
_TIMESTAMP_SHAPE = re.compile(r"[0-9]{1,12}")
_SIGNATURE_SHAPE = re.compile(r"sha256=[0-9a-f]{64}")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature header of a body sent at a time."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def is_authentic(secret: str, timestamps: Sequence[str], signatures: Sequence[str], body: bytes, now: float) -> bool:
    """Whether Chatwoot sent these bytes lately.

    Args:
        secret: the webhook's.
        timestamps: all values of the timestamp header; there must be one, in seconds since 1970.
        signatures: all values of the signature header; there must be one.
        body: the bytes as received.
        now: seconds since 1970.
    """
    if len(timestamps) != 1 or len(signatures) != 1:
        return False
    timestamp, signature = timestamps[0], signatures[0]
    if not (_TIMESTAMP_SHAPE.fullmatch(timestamp) and _SIGNATURE_SHAPE.fullmatch(signature)):
        return False
    authentic = hmac.compare_digest(sign(secret, timestamp, body), signature)
    return authentic and abs(now - int(timestamp)) <= TOLERANCE_SECONDS
