"""Bodies of requests and answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.problems import FieldError
from model.context import WHOLE, Context, Money
from model.recommendation import Recommendation
from model.text import MAX_MESSAGE_CHARS

MAX_TOP_K = 10
MAX_HISTORY = 50
MAX_BATCH = 1_000


def _message(value: Any) -> str:
    """1 to 2,000 characters after trimming. Any character is taken: lone surrogates and controls do come in."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    length = len(value.strip())
    if not 1 <= length <= MAX_MESSAGE_CHARS:
        raise ValueError(f"must have 1 to {MAX_MESSAGE_CHARS} characters after trimming, has {length}")
    return value


MessageText = Annotated[
    str,
    PlainValidator(_message),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_MESSAGE_CHARS, "pattern": r"\S"}),
]


class HistoryTurn(BaseModel):
    """An earlier line of the conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["buyer", "agent"]
    text: MessageText


class RecommendationRequest(BaseModel):
    """One buyer message; only `message` is required."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "message": "老板收到的饼干有两袋涨袋了还能吃吗",
                    "history": [{"role": "buyer", "text": "在吗"}, {"role": "agent", "text": "您好亲"}],
                    "context": {
                        "platform": "tmall",
                        "shop_type": "mall",
                        "product_line": "biscuit",
                        "package_count": 2,
                        "returning_customer": False,
                        "order_status": "signed",
                        "photo": "none",
                    },
                    "top_k": 3,
                },
                {"message": "怎么还没发货呀"},
            ]
        },
    )

    message: MessageText
    history: Annotated[list[HistoryTurn], Field(max_length=MAX_HISTORY, description="oldest first")] = []
    context: Context = Context()
    top_k: Annotated[int, Field(ge=1, le=MAX_TOP_K), WHOLE] = 3


@dataclass(slots=True)
class RecommendationAnswer(Recommendation):
    """The recommendation with its id and the model that made it."""

    id: str = ""
    model_version: str = ""


class BatchRequest(BaseModel):
    """Messages to answer in one request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=MAX_BATCH,
            description="each a RecommendationRequest; one that is not gets its own error",
            examples=[[{"message": "少了一包"}, {"message": "怎么还没发货呀", "top_k": 1}]],
        ),
    ]


@dataclass(frozen=True, slots=True)
class ItemProblem:
    """Why an item got no recommendation."""

    type: str
    status: int
    errors: list[FieldError]


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The answer to one item: a recommendation or an error."""

    index: int
    recommendation: RecommendationAnswer | None
    error: ItemProblem | None


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """One entry for every item, in the order given."""

    items: list[BatchItem]


class Outcome(StrEnum):
    """How the case ended."""

    accepted = "accepted"  # The buyer took the offer.
    rejected = "rejected"
    escalated = "escalated"
    pending = "pending"


Code = Annotated[str, Field(min_length=1, max_length=64)]


class FeedbackRequest(BaseModel):
    """What the agent really did with a recommendation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recommendation_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="`id` of the recommendation")]
    template_id: Annotated[str, Field(pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,40}){0,3}\.[0-9]{1,3}$")] | None = Field(
        None, description="reply used"
    )
    edited_text: MessageText | None = Field(None, description="the reply as sent, where it was edited")
    issue: Code | None = Field(None, description="the right issue type, where the recommendation was wrong")
    customer: Code | None = Field(None, description="the right customer type")
    amount_paid: Money | None = None
    outcome: Outcome | None = None


class FeedbackAnswer(BaseModel):
    """The feedback as kept."""

    id: str
    recommendation_id: str
    received_at: AwareDatetime
