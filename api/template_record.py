"""What agents did with each reply template, in memory, so that no request waits for the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.store.template_counts import read_template_counts
from model.ranking import Acceptance

REFRESH_SECONDS = 5.0  # A ranking that learns from thousands of choices need not know the last one at once.
_log = structlog.get_logger()


@dataclass
class TemplateRecord:
    """The template counts of the store; `counts` is replaced as a whole."""

    engine: Engine
    counts: Mapping[str, Acceptance] = field(default_factory=dict)

    def load(self) -> None:
        """Read all counts; the old ones stay when the store does not answer."""
        try:
            counts = read_template_counts(self.engine)
        except SQLAlchemyError as error:
            _log.warning("template counts not refreshed", error=type(error).__name__)
            return
        if counts != self.counts:  # Another object, and all replies are ranked anew; see `Shelf.ranked`.
            self.counts = counts
