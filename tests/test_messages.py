"""The shipped messages keep what the data card promises."""

from __future__ import annotations

from collections import Counter

import pytest

from model.dataset import Message, load_messages
from model.paths import TRAINING_DATA
from model.taxonomy import Taxonomy


@pytest.fixture(scope="module")
def messages(taxonomy: Taxonomy) -> list[Message]:
    return load_messages(TRAINING_DATA, taxonomy)


def test_every_label_is_covered(messages: list[Message], taxonomy: Taxonomy) -> None:
    issues = Counter(message.issue for message in messages)
    assert min(issues[issue.code] for issue in taxonomy.issues) >= 200
    customers = Counter(message.customer for message in messages)
    assert min(customers[customer.code] for customer in taxonomy.customers) >= 500


def test_length_follows_chats(messages: list[Message]) -> None:
    lengths = sorted(len(message.text) for message in messages if not message.voice.startswith("review"))
    assert 8 <= lengths[len(lengths) // 2] <= 14
    assert lengths[-1] >= 100


def test_no_text_stands_twice(messages: list[Message]) -> None:
    assert [text for text, n in Counter(message.text for message in messages).items() if n > 1] == []
