"""How often agents take each reply template: what the ranking learns from."""

from __future__ import annotations

from sqlalchemy import Engine, select

from api.store.database import reading
from api.store.tables import template_counts
from model.ranking import Acceptance


def read_template_counts(engine: Engine) -> dict[str, Acceptance]:
    """What agents did with each template, by its id."""
    table = template_counts.c
    with reading(engine).connect() as connection:
        rows = connection.execute(select(table.template_id, table.offered, table.chosen, table.edited)).all()
    return {template_id: Acceptance(*counts) for template_id, *counts in rows}
