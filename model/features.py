"""What the classifier sees of a message: views, each a list of terms, each weighed by TF-IDF on its own.

Every view takes the normal form of a message (`model.text.normalise`). Which views, lengths and weights was settled by
measurement (notebooks/02_models.ipynb): longer character runs, pinyin and style features did not earn their place.
"""

from __future__ import annotations

import itertools

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from model.text import Tokenizer

MAX_CHARACTER_NGRAM = 3
# A term must occur in two messages, and in one of so many: the vocabulary, and with it the artifact and the cost of
# every term in training, stays the same size when the messages become ten or twenty times as many.
LEAST_MESSAGES = 2
MESSAGES_PER_TERM = 25_000
VIEW_WEIGHTS = {"words": 0.5, "characters": 1.0}


class WordView:
    """jieba's words, single and in pairs (joined by a tab, which no normal form holds)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, text: str) -> list[str]:
        words = self.tokenizer.words(text)
        return words + [f"{first}\t{second}" for first, second in itertools.pairwise(words)]


def character_view(text: str) -> list[str]:
    """Runs of one to three characters."""
    return [text[i : i + n] for i in range(len(text)) for n in range(1, min(MAX_CHARACTER_NGRAM, len(text) - i) + 1)]


def build_features(tokenizer: Tokenizer, n_messages: int) -> FeatureUnion:
    """TF-IDF over both views, to be fitted on `n_messages`: normalised texts in, sparse (n_messages, n_terms) out.

    Each view's part of a row has its view's weight as Euclidean length.
    """
    min_df = max(LEAST_MESSAGES, round(n_messages / MESSAGES_PER_TERM))
    views = {"words": WordView(tokenizer), "characters": character_view}
    return FeatureUnion(
        [(name, TfidfVectorizer(analyzer=view, min_df=min_df, sublinear_tf=True)) for name, view in views.items()],
        transformer_weights=VIEW_WEIGHTS,
    )
