"""What was recommended, used and paid in a stretch of time, counted by the database.

Times are milliseconds since 1970 UTC, the end not inside; money is fen. A day is numbered from 1970 on, in the time
zone given as an offset in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    tuple_,
    union,
)

from api.store.database import reading
from api.store.retention import DAY_MS
from api.store.tables import feedback, recommendations

CHUNK_MS = 31 * DAY_MS  # A statement looks at no more: it must end before the database's patience does.


class MessageCount(NamedTuple):
    """Messages of a day that got the same labels by the same model.

    `abstained`: below the version's abstention threshold. `reviewed`: left to a person, for whatever reason.
    """

    day: int
    issue: str
    customer: str
    model_version: str
    messages: int
    abstained: int
    reviewed: int


class RemedyCount(NamedTuple):
    """Recommendations of a remedy; the sums are over those `priced`, which named both ends of a range."""

    remedy: str
    suggested: int
    priced: int
    min_fen: int
    max_fen: int


class TemplateUse(NamedTuple):
    """What agents did with a template: `offered` counts judged recommendations that held it."""

    template_id: str
    offered: int
    chosen: int
    edited: int


class Payment(NamedTuple):
    """What agents paid on a day for one remedy, None where the recommendation is not in the store.

    The sums named compared_… are over the cases whose recommendation named a range; `below` and `above` count those
    paid outside of it.
    """

    day: int
    remedy: str | None
    cases: int
    paid_fen: int
    compared: int
    compared_paid_fen: int
    compared_min_fen: int
    compared_max_fen: int
    below: int
    above: int


def message_counts(
    engine: Engine, start_ms: int, end_ms: int, offset_ms: int, thresholds: Mapping[str, float], otherwise: float
) -> Iterator[MessageCount]:
    """Messages by day, labels and version.

    Args:
        thresholds: abstention threshold by version; otherwise: that of versions no longer there.
    """
    table = recommendations.c
    threshold = case(thresholds, value=table.model_version, else_=otherwise) if thresholds else literal(otherwise)
    day = _day(table.made_at_ms, offset_ms).label("day")
    query = select(
        day,
        table.issue,
        table.customer,
        table.model_version,
        func.count(),
        _count_if(table.issue_confidence < threshold),
        _count_if(table.review_needed),
    ).group_by(day, table.issue, table.customer, table.model_version)
    for row in _in_chunks(engine, query, table.made_at_ms, start_ms, end_ms):
        yield MessageCount(*row)


def remedy_counts(engine: Engine, start_ms: int, end_ms: int) -> Iterator[RemedyCount]:
    """Recommendations with a remedy; one row or more for each."""
    table = recommendations.c
    priced = and_(table.compensation_min_fen.is_not(None), table.compensation_max_fen.is_not(None))
    query = (
        select(
            table.remedy,
            func.count(),
            _count_if(priced),
            _sum_if(priced, table.compensation_min_fen),
            _sum_if(priced, table.compensation_max_fen),
        )
        .where(table.remedy.is_not(None))
        .group_by(table.remedy)
    )
    for row in _in_chunks(engine, query, table.made_at_ms, start_ms, end_ms):
        yield RemedyCount(*row)


def template_uses(engine: Engine, start_ms: int, end_ms: int) -> Iterator[TemplateUse]:
    """What agents did with the templates, by the first feedback on each recommendation that names one.

    As in `template_counts`, but by time; one row or more for each template.
    """
    told, earlier = feedback.alias("told"), feedback.alias("earlier")
    first = (
        select(told)
        .where(
            told.c.template_id.is_not(None),
            ~exists().where(
                _same_recommendation(told, earlier),
                earlier.c.template_id.is_not(None),
                tuple_(earlier.c.received_at_ms, earlier.c.id) < tuple_(told.c.received_at_ms, told.c.id),
            ),
        )
        .cte("first_choice")
    )
    shown = recommendations.join(first, _judged(first))
    if engine.dialect.name == "postgresql":
        held = func.json_array_elements_text(recommendations.c.template_ids).table_valued("value")
    else:
        held = func.json_each(recommendations.c.template_ids).table_valued("value")
    offers = union(
        select(first.c.id, first.c.template_id.label("offered")),
        select(first.c.id, held.c.value).select_from(shown).join(held, literal(True)),
    ).subquery()
    chosen = offers.c.offered == first.c.template_id
    query = (
        select(
            offers.c.offered,
            func.count(),
            _count_if(chosen),
            _count_if(and_(chosen, first.c.redacted_edited_text.is_not(None))),
        )
        .join_from(offers, first, offers.c.id == first.c.id)
        .group_by(offers.c.offered)
    )
    for row in _in_chunks(engine, query, first.c.received_at_ms, start_ms, end_ms):
        yield TemplateUse(*row)


def payments(engine: Engine, start_ms: int, end_ms: int, offset_ms: int) -> Iterator[Payment]:
    """What was paid, by day and remedy: the last amount that was told of each recommendation."""
    told, later = feedback.alias("told"), feedback.alias("later")
    advice = recommendations.c
    low, high, paid = advice.compensation_min_fen, advice.compensation_max_fen, told.c.amount_paid_fen
    ranged = and_(low.is_not(None), high.is_not(None))
    day = _day(told.c.received_at_ms, offset_ms).label("day")
    query = (
        select(
            day,
            advice.remedy,
            func.count(),
            _sum_if(paid.is_not(None), paid),
            _count_if(ranged),
            _sum_if(ranged, paid),
            _sum_if(ranged, low),
            _sum_if(ranged, high),
            _count_if(and_(ranged, paid < low)),
            _count_if(and_(ranged, paid > high)),
        )
        .select_from(told.outerjoin(recommendations, _judged(told)))
        .where(
            paid.is_not(None),
            ~exists().where(
                _same_recommendation(told, later),
                later.c.amount_paid_fen.is_not(None),
                tuple_(later.c.received_at_ms, later.c.id) > tuple_(told.c.received_at_ms, told.c.id),
            ),
        )
        .group_by(day, advice.remedy)
    )
    for row in _in_chunks(engine, query, told.c.received_at_ms, start_ms, end_ms):
        yield Payment(*row)


def _in_chunks(
    engine: Engine, query: Select[Any], time: ColumnElement[int], start_ms: int, end_ms: int
) -> Iterator[tuple[Any, ...]]:
    with reading(engine).connect() as connection:
        for start in range(start_ms, end_ms, CHUNK_MS):
            inside = and_(time >= start, time < min(start + CHUNK_MS, end_ms))
            yield from (tuple(row) for row in connection.execute(query.where(inside)))


def _day(time_ms: ColumnElement[int], offset_ms: int) -> ColumnElement[int]:
    return (time_ms + offset_ms) // DAY_MS


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _sum_if(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(case((condition, value))), 0), BigInteger)  # PostgreSQL's sums are numeric.


def _same_recommendation(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(one.c.recommendation_id == other.c.recommendation_id, one.c.owner == other.c.owner)


def _judged(told: Any) -> ColumnElement[bool]:
    return and_(recommendations.c.id == told.c.recommendation_id, recommendations.c.owner == told.c.owner)
