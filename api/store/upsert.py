"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy spells per dialect."""

from __future__ import annotations

from sqlalchemy import Engine, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_or(engine: Engine, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT into the table that takes on_conflict_do_nothing and on_conflict_do_update."""
    return postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)
