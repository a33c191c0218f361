"""Deliveries to Chatwoot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "chatwoot_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("redacted_note", sa.Text(), nullable=True),
        sa.Column("label", sa.String(length=100), nullable=True),
        sa.Column("custom_attributes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("note_in_doubt", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("leased_until_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatwoot_deliveries")),
        sa.UniqueConstraint("account_id", "message_id", name=op.f("uq_chatwoot_deliveries_account_id_message_id")),
    )
    for columns in (["account_id", "conversation_id"], ["next_attempt_at_ms"], ["received_at_ms"]):
        name = f"ix_chatwoot_deliveries_{'_'.join(columns)}"
        op.create_index(op.f(name), "chatwoot_deliveries", columns, unique=False)
