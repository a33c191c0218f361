"""What the classifier sees of a message: views, each a list of terms, each weighed by TF-IDF on its own.

Every view takes the normal form of a message (`model.text.normalise`). A view is a plain callable object, so that
scikit-learn's vectorisers (training) and `model.inference` (serving) share one definition.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from functools import cache

from pypinyin import lazy_pinyin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from model.text import Tokenizer

View = Callable[[str], list[str]]

MAX_CHARACTER_NGRAM = 5
MAX_WORD_NGRAM = 2


class WordView:
    """jieba's words, single and in pairs."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, text: str) -> list[str]:
        words = self.tokenizer.words(text)
        return words + [f"{first}\t{second}" for first, second in itertools.pairwise(words)]


def character_view(text: str) -> list[str]:
    """Runs of one to five characters."""
    return [text[i : i + n] for i in range(len(text)) for n in range(1, min(MAX_CHARACTER_NGRAM, len(text) - i) + 1)]


@cache
def syllable(char: str) -> str:
    """Pinyin without tone of a Chinese character; other characters are returned as they are."""
    return str(lazy_pinyin(char)[0])


def pinyin_view(text: str) -> list[str]:
    """Runs of two and three syllables, so that homophones (快弟, 发或) meet what was meant."""
    syllables = [syllable(char) for char in text if "\u4e00" <= char <= "\u9fff"]
    return [" ".join(syllables[i : i + n]) for n in (2, 3) for i in range(len(syllables) - n + 1)]


_CLAUSE = re.compile(r"[,，。.;；!?、~ ]+")


def style_view(text: str) -> list[str]:
    """What words do not hold: length, clauses, exclamation, question, digits. For the customer type."""
    terms = [f"length {min(int(math.log2(len(text) + 1) * 2), 16)}"]
    terms.append(f"clauses {min(len(_CLAUSE.split(text)), 12)}")
    if exclamations := text.count("!"):
        terms.append(f"exclamations {min(exclamations, 5)}")
    if questions := text.count("?"):
        terms.append(f"questions {min(questions, 4)}")
    if "??" in text or "!?" in text or "?!" in text:
        terms.append("insistent question")
    if ".." in text or "…" in text:
        terms.append("dots")
    return terms


def views(tokenizer: Tokenizer) -> dict[str, View]:
    """The views by name, in the order of their columns."""
    return {
        "words": WordView(tokenizer),
        "characters": character_view,
        "pinyin": pinyin_view,
        "style": style_view,
    }


def build_features(tokenizer: Tokenizer) -> FeatureUnion:
    """Unfitted TF-IDF over all views: normalised texts in, sparse (n_messages, n_terms) out.

    A term must occur in two messages. Each view's part of a row has Euclidean length one.
    """
    return FeatureUnion(
        [(name, TfidfVectorizer(analyzer=view, min_df=2, sublinear_tf=True)) for name, view in views(tokenizer).items()]
    )
