"""Score a table of messages: csv, xlsx, jsonl or parquet in, the same with predictions out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from model.dataset import read_rows
from model.errors import InputError
from model.inference import Classifier
from model.validated_yaml import read_text

FORMATS = (".csv", ".xlsx", ".jsonl", ".parquet")
CHUNK = 5_000
XLSX_ROWS = 1_048_576  # Excel's limit, header included.


def predict_file(
    classifier: Classifier, source: Path, target: Path, progress: Callable[[int, int], None] = lambda _d, _t: None
) -> int:
    """Add `issue, issue_confidence, issue_2, issue_3, customer, customer_confidence, needs_review`; the rows' number.

    Every other column and the order of the rows are kept. The target is written aside and appears complete or not.

    Raises:
        InputError: an unknown format, an unreadable or broken source, or a target that cannot be written.
    """
    for path in (source, target):
        if path.suffix.lower() not in FORMATS:
            raise InputError(f"unknown format {path.suffix!r}", remedy=f"use one of {', '.join(FORMATS)}", path=path)
    frame = _read(source)
    texts = [text if isinstance(text, str) else "" for text in frame["text"]]
    parts = []
    for start in range(0, len(texts), CHUNK):
        parts.append(_score(classifier, texts[start : start + CHUNK]))
        progress(min(start + CHUNK, len(texts)), len(texts))
    scores = pd.concat(parts, ignore_index=True) if parts else _score(classifier, [])
    if taken := [column for column in scores.columns if column in frame.columns]:
        raise InputError(f"column {taken[0]} is already there", remedy="rename or delete it", path=source)
    _write(pd.concat([frame, scores], axis=1), target)
    return len(frame)


def _score(classifier: Classifier, texts: list[str]) -> pd.DataFrame:
    issues, customers = classifier.probabilities(texts)
    order = np.argsort(-issues, axis=1, kind="stable")[:, :3]
    codes = np.asarray(classifier.issue_codes, dtype=object)[order]
    confidence = np.take_along_axis(issues, order, axis=1)
    thresholds = classifier.thresholds
    third = codes[:, 2] if codes.shape[1] > 2 else np.full(len(texts), "", dtype=object)
    return pd.DataFrame(
        {
            "issue": codes[:, 0],
            "issue_confidence": confidence[:, 0].round(4),
            "issue_2": codes[:, 1],
            "issue_3": third,
            "customer": np.asarray(classifier.customer_codes, dtype=object)[customers.argmax(axis=1)],
            "customer_confidence": customers.max(axis=1).round(4),
            "needs_review": (confidence[:, 0] < thresholds.abstain)
            | (confidence[:, 0] - confidence[:, 1] < thresholds.margin),
        }
    )


def _read(path: Path) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows = [row for _line, row in read_rows(path, ("text",))]
        frame = pd.DataFrame(rows, dtype=object) if rows else pd.DataFrame(columns=["text"])
        if not rows:
            raise InputError("no rows", remedy="add messages below the header", path=path, line=2)
        return frame
    try:
        if suffix == ".jsonl":
            read_text(path)
            frame = pd.read_json(path, lines=True, dtype=False, convert_dates=False)
        elif suffix == ".xlsx":
            frame = pd.read_excel(path, dtype=object, engine="openpyxl")
        else:
            frame = pd.read_parquet(path)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", remedy="check the path", path=path) from error
    except Exception as error:  # The readers raise many types; all mean that the file is broken.
        first_line = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"not a readable {suffix[1:]} file ({first_line})", remedy="export the file again", path=path
        ) from error
    if "text" not in frame.columns:
        found = ", ".join(str(column) for column in frame.columns)[:80]
        raise InputError(f"no column text (found: {found})", remedy="name the column text", path=path, line=1)
    if frame.empty:
        raise InputError("no rows", remedy="add messages below the header", path=path)
    return frame


def _write(frame: pd.DataFrame, path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix == ".xlsx" and len(frame) >= XLSX_ROWS:
        raise InputError(f"{len(frame)} rows are too many for Excel", remedy="write .csv or .parquet", path=path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=f".partial{suffix}", dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot write ({error.strerror})", remedy="check folder and rights", path=path) from error
    os.close(handle)
    aside = Path(name)
    try:
        if suffix == ".csv":
            frame.to_csv(aside, index=False, lineterminator="\r\n")
        elif suffix == ".jsonl":
            frame.to_json(aside, orient="records", lines=True, force_ascii=False)
        elif suffix == ".xlsx":
            frame.to_excel(aside, index=False)
        else:
            frame.to_parquet(aside, index=False)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.chmod(0o644)
        aside.replace(path)
    except OSError as error:
        raise InputError(f"cannot write ({error.strerror})", remedy="free space or rights", path=path) from error
    finally:
        aside.unlink(missing_ok=True)
