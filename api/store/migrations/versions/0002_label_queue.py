"""The label queue: order, leases, versions, provenance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Widen chats_to_label; what waited or was labelled stays so."""
    with op.batch_alter_table("chats_to_label") as table:
        table.add_column(sa.Column("origin", sa.String(length=16), nullable=False, server_default="chat"))
        table.add_column(sa.Column("conversation", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("said_at_ms", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("current_issue", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("current_secondary", sa.String(length=300), nullable=True))
        table.add_column(sa.Column("current_customer", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("priority", sa.Integer(), nullable=True))
        table.add_column(sa.Column("reason", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("leased_by", sa.String(length=100), nullable=True))
        table.add_column(sa.Column("leased_until_ms", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("status", sa.String(length=10), nullable=False, server_default="waiting"))
        table.add_column(sa.Column("written_to", sa.String(length=200), nullable=True))
        table.alter_column("labelled_by", existing_type=sa.String(length=12), type_=sa.String(length=100))
        table.create_index(op.f("ix_chats_to_label_status_priority"), ["status", "priority"], unique=False)
    queue = sa.table(
        "chats_to_label",
        sa.column("source", sa.String()),
        sa.column("origin", sa.String()),
        sa.column("priority", sa.Integer()),
        sa.column("status", sa.String()),
        sa.column("labelled_at_ms", sa.BigInteger()),
    )
    op.execute(queue.update().where(queue.c.source == "feedback").values(origin="feedback", priority=0))
    op.execute(queue.update().where(queue.c.labelled_at_ms.is_not(None)).values(status="labelled"))
