"""Request bodies, and the answer with its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from model.context import Context
from model.recommendation import Recommendation
from model.text import MAX_MESSAGE_CHARS

MAX_TOP_K = 10
MAX_HISTORY = 50


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
    top_k: Annotated[int, Field(ge=1, le=MAX_TOP_K)] = 3


@dataclass(frozen=True, slots=True)
class RecommendationAnswer(Recommendation):
    """The recommendation with its id and the model that made it."""

    id: str = ""
    model_version: str = ""
