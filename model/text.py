"""Normalising and tokenising buyer messages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import opencc
import rjieba

from model.errors import InputError
from model.paths import TRAINING_DATA
from model.validated_yaml import read_text

TOKENIZER_ENGINE = "rjieba"
MAX_MESSAGE_CHARS = 2000

# Longer runs say nothing more ("！！！！！！", "哈哈哈哈"). Digits are left: 2000 is not 200.
_LONG_RUN = re.compile(r"([^\d])\1{2,}")
_EDGE_OR_DOUBLE_SPACE = re.compile(r"^ | $|  ")
_NOT_WORD = re.compile(r"[\W_]+")


class _CharacterTable(dict[int, str | None]):
    """For `str.translate`: one normal character for each, or None for those without content; filled as met.

    Compatibility forms of more than one character (㎏, ½) stay as they are, so that positions are kept.
    """

    def __init__(self) -> None:
        self._to_simplified = opencc.OpenCC("t2s")

    def __missing__(self, code: int) -> str | None:
        self[code] = normal = self._normal(chr(code))
        return normal

    def _normal(self, char: str) -> str | None:
        if char in "\t\n\r" or unicodedata.category(char).startswith("Z"):
            return " "
        # Control, format (zero width, bidirectional), lone surrogate; variation selectors; skin tones.
        if unicodedata.category(char) in {"Cc", "Cf", "Cs"} or "\ufe00" <= char <= "\ufe0f":
            return None
        if "\U0001f3fb" <= char <= "\U0001f3ff":
            return None
        folded = unicodedata.normalize("NFKC", char).lower()
        if len(folded) != 1 or folded.isspace():
            return char
        simplified: str = self._to_simplified.convert(folded)
        return simplified if len(simplified) == 1 else folded


_TABLE = _CharacterTable()


class Normalised(NamedTuple):
    """A message in the classifier's normal form.

    Attributes:
        text: full-width folded, lower case, simplified characters, runs of three or more cut to two, no control
            characters, single spaces.
        origin: for each character of `text` its offset (code points) in the original; None when they are the same.
    """

    text: str
    origin: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of `text[start:end]` (end exclusive, start < end)."""
        if self.origin is None:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1


def normalise(text: str) -> Normalised:
    """Fold what is written differently but means the same.

    >>> normalise("發霉了！！！！").text
    '发霉了!!'
    """
    plain = text.translate(_TABLE)
    if len(plain) == len(text) and not _LONG_RUN.search(plain) and not _EDGE_OR_DOUBLE_SPACE.search(plain):
        return Normalised(plain, None)
    return _normalise_with_offsets(text)


# A conversation comes back with every message, one turn longer, and several readers ask for its normal form.
remembered_normal_form = lru_cache(4096)(normalise)


def _normalise_with_offsets(text: str) -> Normalised:
    chars: list[str] = []
    origin: list[int] = []
    for offset, original in enumerate(text):
        char = _TABLE[ord(original)]
        if char is None:
            continue
        if char == " " and (not chars or chars[-1] == " "):
            continue
        if len(chars) >= 2 and chars[-1] == chars[-2] == char and not char.isdecimal():
            continue
        chars.append(char)
        origin.append(offset)
    if chars and chars[-1] == " ":
        chars.pop()
        origin.pop()
    return Normalised("".join(chars), tuple(origin))


def comparable(text: str) -> str:
    """What two messages have in common that say the same: normal form without punctuation, or punctuation alone.

    >>> comparable("发霉了！ 给我退") == comparable("發霉了,给我退")
    True
    """
    normal = normalise(text).text
    return _NOT_WORD.sub("", normal) or normal


def without_controls(text: str) -> str:
    """The message as people may see it: no control characters, lone surrogates or bidirectional marks, trimmed."""
    return "".join(char for char in text if _is_visible(char)).strip()


def _is_visible(char: str) -> bool:
    if char in "\u200e\u200f\u061c" or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return False
    return char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"}


class Tokenizer:
    """jieba's segmentation with the shop's own words.

    >>> Tokenizer(["涨袋"]).words("饼干涨袋了")
    ['饼干', '涨袋', '了']
    """

    def __init__(self, lexicon: list[str]) -> None:
        self.lexicon = lexicon
        self._jieba = rjieba.Jieba()
        for word in lexicon:
            self._jieba.add_word(word, None, None)

    def __reduce__(self) -> tuple[type[Tokenizer], tuple[list[str]]]:
        return Tokenizer, (self.lexicon,)

    def tagged(self, text: str) -> list[tuple[str, str]]:
        """Words with jieba's part-of-speech flags (n… noun, m number, v… verb, …)."""
        return self._jieba.tag(text, True)

    def words(self, text: str) -> list[str]:
        """Words of a normalised message, in order; joined they are the message."""
        return self._jieba.cut(text, True)


def unknown_share(words: Sequence[str], vocabulary: Container[str]) -> float:
    """Share of a message's words (punctuation left out) that the vocabulary lacks; 0 of a message without words."""
    spoken = [word for word in words if word.isalnum()]
    return sum(word not in vocabulary for word in spoken) / len(spoken) if spoken else 0.0


@cache
def load_lexicon(data_dir: Path = TRAINING_DATA) -> list[str]:
    """Shop words of `data_dir/lexicon.txt`, one a line; empty lines and lines that start with # are skipped.

    A label set need not bring such a file; then there are none.

    Raises:
        InputError: a line holds spaces, is longer than 12 characters, or stands twice.
    """
    path = data_dir / "lexicon.txt"
    if not path.exists():
        return []
    words: dict[str, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if re.search(r"\s", word) or len(word) > 12:
            raise InputError(f"不是一个词：{word!r}", remedy="每行一个词，2 到 12 字", path=path, line=number)
        if word in words:
            raise InputError(
                f"{word} 出现了两次（第一次在第 {words[word]} 行）", remedy="只留一个", path=path, line=number
            )
        words[normalise(word).text] = number
    return list(words)
