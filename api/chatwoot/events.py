"""What Chatwoot's webhook tells, as far as it concerns us: a buyer has written.

Fields as `Message#webhook_data` and `Conversations::EventDataPresenter` publish them: `conversation.id` is the number
that agents see; `message_type` is a word in the message, a number in `conversation.messages`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.schemas import MAX_HISTORY, HistoryTurn, RecommendationRequest
from api.store.chatwoot_deliveries import Source
from model.text import MAX_MESSAGE_CHARS

INCOMING, OUTGOING = 0, 1
Id = Annotated[int, Field(ge=1, lt=2**63)]


class Event(BaseModel):
    """Any event."""

    event: str


class EarlierMessage(BaseModel):
    """An entry of `conversation.messages`; mostly there is one, the message itself."""

    id: Id
    content: str | None = None
    message_type: int
    private: bool = False


class Account(BaseModel):
    """The account of the help desk."""

    id: Id


class Conversation(BaseModel):
    """The conversation; `id` is its number within the account."""

    id: Id
    messages: list[EarlierMessage] = []


class MessageCreated(BaseModel):
    """A new message of anybody."""

    event: Literal["message_created"]
    id: Id
    content: str | None = None
    message_type: str
    private: bool = False
    account: Account
    conversation: Conversation

    @property
    def is_a_buyers_words(self) -> bool:
        """Whether there is something to answer: not an agent's message, our own note, or only a picture."""
        return self.message_type == "incoming" and not self.private and bool((self.content or "").strip())

    @property
    def source(self) -> Source:
        """Which message it is."""
        return Source(self.account.id, self.conversation.id, self.id)

    @property
    def request(self) -> RecommendationRequest:
        """What to ask for. Of a letter the beginning is read; history is what the event brings along."""
        earlier = sorted(self.conversation.messages, key=lambda message: message.id)
        turns = [
            HistoryTurn(role="buyer" if message.message_type == INCOMING else "agent", text=_readable(message.content))
            for message in earlier
            if message.id < self.id
            and message.message_type in (INCOMING, OUTGOING)
            and not message.private
            and _readable(message.content)
        ]
        return RecommendationRequest(message=_readable(self.content), history=turns[-MAX_HISTORY:])


def _readable(content: str | None) -> str:
    return (content or "").strip()[:MAX_MESSAGE_CHARS]
