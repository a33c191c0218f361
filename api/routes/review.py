"""The page /review, where people label the queue one message at a time, and what it calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

from api.access import counted, require
from api.keyring import Caller
from api.label_names import issue_names
from api.label_suggestions import Suggestion, likely_customer, suggest
from api.page import render
from api.problems import ProblemError
from api.service import Service, ServiceDep
from api.store import label_queue
from api.store.clock import as_datetime
from api.store.keys import Scope
from api.store.label_queue import LEASE_MS, MAX_ID, ConflictError, Item, Origin, Status, UnknownItemError
from model.dataset import MAX_SECONDARY
from model.inference import Classifier, Evidence
from model.label import Label, LabelError, read_label

router = APIRouter(include_in_schema=False)
DAY_GOAL = 200  # As many as `shouhou label export` gives.
THIS_MACHINE = "本机"  # Who labels where the house is open, without keys.
ORIGIN_NAMES = {Origin.chat: "聊天", Origin.feedback: "客服改正", Origin.training: "训练数据"}
BY_ADMIN = [Depends(counted(Scope.admin))]
RETRY_AFTER = {"Retry-After": "5"}
_log = structlog.get_logger()


class AtPage(BaseModel):
    """What a page asks.

    Messages are lent to a page and not to a person, so that two people who share a key read different ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: Annotated[str, Field(pattern=r"^[0-9a-f]{16,32}$", description="random, of the page in the browser")]


class OfMessage(AtPage):
    """What a page does with a message, which it saw at this version."""

    id: Annotated[int, Field(ge=1, le=MAX_ID)]
    version: Annotated[int, Field(ge=1, le=MAX_ID)]


class Decision(OfMessage):
    """A label, in codes."""

    issue: str
    secondary: tuple[str, ...] = ()
    customer: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A message to label. Offsets count code points of `text`."""

    id: int
    version: int
    text: str
    evidence: tuple[Evidence, ...]
    reason: str | None
    origin: str
    source: str
    said_at: datetime | None
    suggestions: list[Suggestion]
    customer: str


@dataclass(frozen=True, slots=True)
class Done:
    """A decision that stands now, of whomever; without a label the message was put aside."""

    id: int
    version: int
    status: Status
    by: str | None
    label: Label | None


@dataclass(frozen=True, slots=True)
class Today:
    """How the queue stands, and how many messages each person labelled today."""

    waiting: int
    skipped: int
    labelled: int
    people: dict[str, int]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the page shows next.

    Attributes:
        message: None when nothing waits that nobody else has.
        done: what was decided just now.
        conflict: why it was not: somebody else's decision, which stands. With neither the message is gone.
        today: with this turn counted.
    """

    message: Shown | None
    done: Done | None
    conflict: Done | None
    today: Today


@router.get("/review")
async def review_page(http: Request, service: ServiceDep) -> HTMLResponse:
    """The page. It asks for its messages itself, and so opens while the store is away."""
    require(http, Scope.admin)
    taxonomy = service.model.state.recommender.classifier.taxonomy
    return render(
        http,
        "review.html",
        customers=taxonomy.customers,
        day_goal=DAY_GOAL,
        lease_minutes=LEASE_MS // 60_000,
        vocabulary={
            "issues": [asdict(issue) for issue in issue_names(taxonomy)],
            "customers": {customer.code: customer.name for customer in taxonomy.customers},
            "maxSecondary": MAX_SECONDARY,
            "person": _person(http, service),
        },
    )


@router.post("/review/next", dependencies=BY_ADMIN)
def next_message(body: AtPage, http: Request, service: ServiceDep) -> Turn:
    """The message to label next: the same one again until it is decided."""
    return _turn(http, service, body.page)


@router.post("/review/decide", dependencies=BY_ADMIN)
def decide(body: Decision, http: Request, service: ServiceDep) -> Turn:
    """Label a message."""
    taxonomy = service.model.state.recommender.classifier.taxonomy
    try:
        label = read_label(taxonomy, body.issue, body.secondary, body.customer)
    except LabelError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-label", str(error)) from error
    change = partial(label_queue.decide, service.engine, body.id, label, expected_version=body.version)
    return _turn(http, service, body.page, change, (Status.labelled, label))


@router.post("/review/skip", dependencies=BY_ADMIN)
def skip(body: OfMessage, http: Request, service: ServiceDep) -> Turn:
    """Put a message aside."""
    change = partial(label_queue.skip, service.engine, body.id, expected_version=body.version)
    return _turn(http, service, body.page, change, (Status.skipped, None))


@router.post("/review/undo", dependencies=BY_ADMIN)
def undo(body: OfMessage, http: Request, service: ServiceDep) -> Turn:
    """Take back one's own decision; the message is the next one then."""
    change = partial(label_queue.undo, service.engine, body.id, expected_version=body.version, holder=body.page)
    return _turn(http, service, body.page, change, (Status.waiting, None))


def _turn(
    http: Request,
    service: Service,
    page: str,
    change: Callable[..., Item] | None = None,
    wanted: tuple[Status, Label | None] | None = None,
) -> Turn:
    """Make the change, which leads to the state wanted; then what comes next."""
    who = _person(http, service)
    engine = service.engine
    done = conflict = None
    try:
        if change is not None:
            try:
                done = change(who=who)
            except ConflictError as error:
                # The page sends again what it has no answer to; then the first time counts.
                stands = (error.item.status, error.item.label) == wanted and error.item.labelled_by in {who, None}
                done, conflict = (error.item, None) if stands else (None, error.item)
            except UnknownItemError:
                pass
        is_back = done is not None and done.status is Status.waiting
        item = done if is_back else next(iter(label_queue.next_to_label(engine, 1, page)), None)
        progress = label_queue.progress(engine, label_queue.midnight_ms())
    except SQLAlchemyError as error:
        _log.error("label queue not reached", error=type(error).__name__)
        detail = "the store does not answer now; send it again"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "store-unreachable", detail, headers=RETRY_AFTER) from error
    return Turn(
        message=None if item is None else _shown(service.model.state.recommender.classifier, item),
        done=None if done is None else _done(done),
        conflict=None if conflict is None else _done(conflict),
        today=Today(progress.waiting, progress.skipped, progress.labelled, progress.by_person),
    )


def _shown(classifier: Classifier, item: Item) -> Shown:
    prediction = classifier.predict(item.redacted_text)
    return Shown(
        id=item.id,
        version=item.version,
        text=item.redacted_text,
        evidence=prediction.evidence,
        reason=item.reason,
        origin=ORIGIN_NAMES[item.origin],
        source=item.source,
        said_at=None if item.said_at_ms is None else as_datetime(item.said_at_ms),
        suggestions=suggest(classifier, item, prediction),
        customer=likely_customer(classifier.taxonomy, item, prediction),
    )


def _done(item: Item) -> Done:
    return Done(item.id, item.version, item.status, item.labelled_by, item.label)


def _person(http: Request, service: Service) -> str:
    """Who labels: the name of the key."""
    caller: Caller = http.scope["caller"]
    return service.keys.keys[caller.owner].name if caller.owner else THIS_MACHINE
