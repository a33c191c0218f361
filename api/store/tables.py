"""The tables.

Times are whole milliseconds since 1970 UTC, money whole fen: exact and the same on
both databases, and cheap to write.

Message text is stored redacted only (`model.redaction`); the columns that hold it say so in their names.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
)

# Who signed in to the pages, with which key. The browser holds the token, the store only its SHA-256.
sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("key_id", String(12), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index(None, "expires_at_ms"),
)

# owner is the id of the key that asked, or "" where the service ran open, without keys.
recommendations = Table(
    "recommendations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("owner", String(12), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("redacted_message", Text, nullable=False),
    Column("issue", String(64), nullable=False),
    Column("issue_confidence", Float, nullable=False),
    Column("customer", String(64), nullable=False),
    Column("customer_confidence", Float, nullable=False),
    Column("review_needed", Boolean, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("template_ids", JSON, nullable=False),
    Column("remedy", String(32)),
    Column("compensation_min_fen", BigInteger),
    Column("compensation_max_fen", BigInteger),
    Index(None, "made_at_ms"),
)

# recommendation_id is no foreign key: feedback may come before its recommendation is written, or where none is.
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("owner", String(12), nullable=False),
    Column("idempotency_key", String(100), nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("recommendation_id", String(32), nullable=False),
    Column("template_id", String(100)),
    Column("redacted_edited_text", Text),
    Column("issue", String(64)),
    Column("customer", String(64)),
    Column("amount_paid_fen", BigInteger),
    Column("outcome", String(32)),
    UniqueConstraint("owner", "idempotency_key"),
    Index(None, "recommendation_id"),
    Index(None, "received_at_ms"),
)

# offered counts judged recommendations that held the template; chosen / offered is its acceptance.
template_counts = Table(
    "template_counts",
    metadata,
    Column("template_id", String(100), primary_key=True),
    Column("offered", BigInteger, nullable=False),
    Column("chosen", BigInteger, nullable=False),
    Column("edited", BigInteger, nullable=False),
)

# The label queue (api/store/label_queue.py): redacted buyers' lines that wait for a person, and what people decided.
chats_to_label = Table(
    "chats_to_label",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text_sha256", String(64), nullable=False),  # Of the text as compared: model.text.comparable.
    Column("redacted_text", Text, nullable=False),
    Column("origin", String(16), nullable=False, server_default="chat"),
    Column("source", String(200), nullable=False),  # File and row.
    Column("conversation", String(16)),  # A pseudonym: the same for lines of one conversation.
    Column("said_at_ms", BigInteger),
    Column("added_at_ms", BigInteger, nullable=False),
    # What agents' feedback or the search for label errors says it is.
    Column("suggested_issue", String(64)),
    Column("suggested_customer", String(64)),
    # What the training data say, where the message is from there.
    Column("current_issue", String(64)),
    Column("current_secondary", String(300)),
    Column("current_customer", String(64)),
    # Place in the order of labelling, from 1; 0 jumps the queue, NULL comes last.
    Column("priority", Integer),
    Column("reason", String(64)),
    Column("leased_by", String(100)),
    Column("leased_until_ms", BigInteger),
    # Grows with every decision; who decides names the version that he saw.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("status", String(10), nullable=False, server_default="waiting"),
    Column("issue", String(64)),
    Column("secondary", String(300)),
    Column("customer", String(64)),
    Column("labelled_by", String(100)),
    Column("labelled_at_ms", BigInteger),
    Column("written_to", String(200)),  # The file of the training data.
    UniqueConstraint("text_sha256"),
    Index(None, "labelled_at_ms"),
    Index(None, "status", "priority"),
)

# What is to be written into Chatwoot, kept until it is there. While a delivery waits, next_attempt_at_ms says from when
# on it may be tried; when it is over, that and the contents are NULL and the row only remembers the message's id.
chatwoot_deliveries = Table(
    "chatwoot_deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("conversation_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("redacted_note", Text),
    Column("label", String(100)),
    Column("custom_attributes", JSON(none_as_null=True)),
    Column("step", String(32), nullable=False),
    Column("note_in_doubt", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at_ms", BigInteger),
    Column("leased_until_ms", BigInteger),
    UniqueConstraint("account_id", "message_id"),
    Index(None, "account_id", "conversation_id"),
    Index(None, "next_attempt_at_ms"),
    Index(None, "received_at_ms"),
)
