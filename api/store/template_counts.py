"""How often agents take each reply template: what the ranking learns from."""

from __future__ import annotations

from sqlalchemy import Engine, select

from api.store.database import reading
from api.store.tables import template_counts


def read_template_counts(engine: Engine) -> dict[str, tuple[int, int]]:
    """(offered, chosen) by template id."""
    table = template_counts.c
    with reading(engine).connect() as connection:
        rows = connection.execute(select(table.template_id, table.offered, table.chosen)).all()
    return {template_id: (offered, chosen) for template_id, offered, chosen in rows}
