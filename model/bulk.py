"""Score a whole file: batch by batch, here or on a cluster, written in the order it was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from model.inference import Classifier
from model.tables import Batch, create_table, open_table

SCORES = pa.schema(
    [
        ("issue", pa.string()),
        ("issue_confidence", pa.float64()),
        ("issue_2", pa.string()),
        ("issue_3", pa.string()),
        ("customer", pa.string()),
        ("customer_confidence", pa.float64()),
        ("needs_review", pa.bool_()),
    ]
)

Scored = tuple[Batch, pa.RecordBatch]
ScoreAll = Callable[[Iterator[Batch]], Iterator[Scored]]


def predict_file(score_all: ScoreAll, source: Path, target: Path, progress: Callable[[int, int], None]) -> int:
    """Add the columns of SCORES to a table; the number of rows.

    Every other column and the order of the rows are kept. The target is written aside and appears complete or not.

    Args:
        score_all: gives every batch back, in order, with its scores.
        progress: called with the rows done and all.

    Raises:
        InputError: an unknown format, an unreadable or broken source, or a target that cannot be written.
    """
    table = open_table(source)
    done = 0
    with create_table(target, table, SCORES) as write:
        for batch, scores in score_all(table.batches()):
            write(batch, scores)
            done += len(batch.texts)
            progress(done, table.rows)
    return done


def score_here(classifier: Classifier, batches: Iterator[Batch]) -> Iterator[Scored]:
    """Every batch with its scores, by this process."""
    for batch in batches:
        yield batch, score(classifier, batch.texts)


def score(classifier: Classifier, texts: list[str]) -> pa.RecordBatch:
    """Labels and probabilities of messages (at least one), by the schema SCORES."""
    issues, customers = classifier.probabilities(texts)
    order = np.argsort(-issues, axis=1, kind="stable")[:, :3]
    codes = np.asarray(classifier.issue_codes, dtype=object)[order]
    confidence = np.take_along_axis(issues, order, axis=1)
    thresholds = classifier.thresholds
    third = codes[:, 2] if codes.shape[1] > 2 else np.full(len(texts), "", dtype=object)
    columns = [
        codes[:, 0],
        confidence[:, 0].round(4),
        codes[:, 1],
        third,
        np.asarray(classifier.customer_codes, dtype=object)[customers.argmax(axis=1)],
        customers.max(axis=1).round(4),
        (confidence[:, 0] < thresholds.abstain) | (confidence[:, 0] - confidence[:, 1] < thresholds.margin),
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCORES, strict=True)], schema=SCORES
    )
