"""Normalising keeps what matters and knows where it came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import Tokenizer, load_lexicon, normalise, without_controls

# Any code point, surrogates too, and the characters that chats are made of.
MESSAGES = st.text(
    st.one_of(st.characters(), st.sampled_from("饼干漏氣發！？…12 \u200b😡\ufe0f\t\0\ud83d")), max_size=60
)


@pytest.mark.parametrize(
    ("original", "normal"),
    [
        ("ＡＢＣ１２３，好！", "abc123,好!"),
        ("發霉了，過期嗎", "发霉了,过期吗"),
        ("！！！！！！", "!!"),
        ("哈哈哈哈哈", "哈哈"),
        ("20000个", "20000个"),
        ("  有 \u3000 空格 ", "有 空格"),
        ("涨\u200b袋\u202e了\0", "涨袋了"),
        ("👍🏽❤️", "👍❤"),
        ("\ud83d坏了", "坏了"),
        ("", ""),
    ],
)
def test_normalise(original: str, normal: str) -> None:
    assert normalise(original).text == normal


@given(MESSAGES)
def test_normalising_again_changes_nothing(message: str) -> None:
    once = normalise(message).text
    assert normalise(once).text == once


@given(MESSAGES)
def test_every_character_knows_its_origin(message: str) -> None:
    normal = normalise(message)
    for place, char in enumerate(normal.text):
        start, end = normal.span(place, place + 1)
        assert 0 <= start < end <= len(message)
        assert normalise(message[start:end]).text == char.strip()


@given(MESSAGES)
def test_what_people_see_has_no_controls(message: str) -> None:
    shown = without_controls(message)
    shown.encode()  # No lone surrogate is left.
    assert "\0" not in shown
    assert "\u202e" not in shown


@given(st.text(max_size=80))
def test_words_joined_are_the_text(message: str) -> None:
    text = normalise(message).text
    assert "".join(Tokenizer([]).words(text)) == text


def test_shop_words_are_not_split() -> None:
    tokenizer = Tokenizer(load_lexicon())
    assert "涨袋" in tokenizer.words("收到的饼干涨袋了")
    assert "运费险" in tokenizer.words("有运费险吗")
    assert "好评返现" in tokenizer.words("好评返现是真的吗")
