"""First release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=100), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "chats_to_label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("redacted_text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("suggested_issue", sa.String(length=64), nullable=True),
        sa.Column("suggested_customer", sa.String(length=64), nullable=True),
        sa.Column("issue", sa.String(length=64), nullable=True),
        sa.Column("secondary", sa.String(length=300), nullable=True),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("labelled_by", sa.String(length=12), nullable=True),
        sa.Column("labelled_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chats_to_label")),
        sa.UniqueConstraint("text_sha256", name=op.f("uq_chats_to_label_text_sha256")),
    )
    op.create_index(op.f("ix_chats_to_label_labelled_at_ms"), "chats_to_label", ["labelled_at_ms"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=False),
        sa.Column("idempotency_key", sa.String(length=100), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("recommendation_id", sa.String(length=32), nullable=False),
        sa.Column("template_id", sa.String(length=100), nullable=True),
        sa.Column("redacted_edited_text", sa.Text(), nullable=True),
        sa.Column("issue", sa.String(length=64), nullable=True),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("amount_paid_fen", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("owner", "idempotency_key", name=op.f("uq_feedback_owner_idempotency_key")),
    )
    op.create_index(op.f("ix_feedback_received_at_ms"), "feedback", ["received_at_ms"], unique=False)
    op.create_index(op.f("ix_feedback_recommendation_id"), "feedback", ["recommendation_id"], unique=False)
    op.create_table(
        "recommendations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=12), nullable=False),
        sa.Column("model_version", sa.String(length=64), nullable=False),
        sa.Column("redacted_message", sa.Text(), nullable=False),
        sa.Column("issue", sa.String(length=64), nullable=False),
        sa.Column("issue_confidence", sa.Float(), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("customer_confidence", sa.Float(), nullable=False),
        sa.Column("review_needed", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("template_ids", sa.JSON(), nullable=False),
        sa.Column("remedy", sa.String(length=32), nullable=True),
        sa.Column("compensation_min_fen", sa.BigInteger(), nullable=True),
        sa.Column("compensation_max_fen", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendations")),
    )
    op.create_index(op.f("ix_recommendations_made_at_ms"), "recommendations", ["made_at_ms"], unique=False)
    op.create_table(
        "template_counts",
        sa.Column("template_id", sa.String(length=100), nullable=False),
        sa.Column("offered", sa.BigInteger(), nullable=False),
        sa.Column("chosen", sa.BigInteger(), nullable=False),
        sa.Column("edited", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_template_counts")),
    )
