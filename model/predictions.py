"""What a model says of labelled messages, as a table that is kept with the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray

from model.dataset import Message
from model.errors import InputError
from model.evaluation import Report, evaluate
from model.inference import Classifier

Floats = NDArray[np.float64]
# Columns of the table beside the message's own: one a label, so that a reader needs no other file.
ISSUE = "issue="
CUSTOMER = "customer="


@dataclass(frozen=True)
class Predictions:
    """Probabilities of both heads for labelled messages.

    Attributes:
        messages: with their labels.
        issues: (n_messages, n_issues), columns as in `issue_codes`; likewise customers.
        also: the secondary issues reported for each message.
        unknown_words: (n_messages,) share of each message's words that the predicting model's vocabulary lacks.
    """

    messages: Sequence[Message]
    issues: Floats
    issue_codes: tuple[str, ...]
    customers: Floats
    customer_codes: tuple[str, ...]
    also: Sequence[Sequence[str]]
    unknown_words: Floats

    def report(self, abstain: float) -> Report:
        """Metrics against the messages' labels; `abstain` is the threshold on the issue's probability."""
        return evaluate(
            self.messages, self.issues, self.issue_codes, self.customers, self.customer_codes, self.also, abstain
        )

    def best_issues(self) -> NDArray[np.str_]:
        """The likeliest issue of each message, (n_messages,)."""
        best: NDArray[np.str_] = np.asarray(self.issue_codes)[self.issues.argmax(axis=1)]
        return best

    def best_customers(self) -> NDArray[np.str_]:
        """The likeliest customer type of each message, (n_messages,)."""
        best: NDArray[np.str_] = np.asarray(self.customer_codes)[self.customers.argmax(axis=1)]
        return best

    def take(self, places: Iterable[int]) -> Predictions:
        """Those of some messages, in the order given."""
        chosen = np.fromiter(places, dtype=np.intp)
        return Predictions(
            [self.messages[i] for i in chosen],
            self.issues[chosen],
            self.issue_codes,
            self.customers[chosen],
            self.customer_codes,
            [self.also[i] for i in chosen],
            self.unknown_words[chosen],
        )

    def save(self, path: Path) -> None:
        """Write them as parquet, in single precision."""
        messages = pd.DataFrame(
            {
                "text": [m.text for m in self.messages],
                "issue": [m.issue for m in self.messages],
                "secondary": ["|".join(m.secondary) for m in self.messages],
                "customer": [m.customer for m in self.messages],
                "source": [m.source for m in self.messages],
                "voice": [m.voice for m in self.messages],
                "line": [m.line for m in self.messages],
                "also": ["|".join(codes) for codes in self.also],
                "unknown_words": self.unknown_words,
            }
        )
        scores = [
            pd.DataFrame(values.astype(np.float32), columns=[prefix + code for code in codes])
            for prefix, codes, values in (
                (ISSUE, self.issue_codes, self.issues),
                (CUSTOMER, self.customer_codes, self.customers),
            )
        ]
        pd.concat([messages, *scores], axis=1).to_parquet(path, index=False, compression="zstd")


def load_predictions(path: Path) -> Predictions:
    """Read what `Predictions.save` wrote.

    Raises:
        InputError: not such a file.
    """
    try:
        frame = pd.read_parquet(path)
        messages = [
            Message(text, issue, tuple(filter(None, secondary.split("|"))), customer, source, voice, line)
            for text, issue, secondary, customer, source, voice, line in frame[
                ["text", "issue", "secondary", "customer", "source", "voice", "line"]
            ].itertuples(index=False)
        ]
        also = [list(filter(None, codes.split("|"))) for codes in frame["also"]]
        unknown_words = frame["unknown_words"].to_numpy(np.float64)
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise InputError("读不了存着的预测", remedy="请重新运行 shouhou train", path=path) from error
    issues, customers = (
        frame[[column for column in frame.columns if column.startswith(prefix)]] for prefix in (ISSUE, CUSTOMER)
    )
    return Predictions(
        messages,
        issues.to_numpy(np.float64),
        tuple(column.removeprefix(ISSUE) for column in issues.columns),
        customers.to_numpy(np.float64),
        tuple(column.removeprefix(CUSTOMER) for column in customers.columns),
        also,
        unknown_words,
    )


def predict_labelled(classifier: Classifier, messages: Sequence[Message]) -> Predictions:
    """What a classifier says of messages; honest only where it was not trained on them."""
    texts = [message.text for message in messages]
    issues, customers = classifier.probabilities(texts)
    return Predictions(
        messages,
        issues,
        classifier.issue_codes,
        customers,
        classifier.customer_codes,
        [[label.code for label in classifier.predict(text).also] for text in texts],
        classifier.unknown_words(texts),
    )
