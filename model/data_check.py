"""Checks on training messages: what would hurt the model or the honesty of a measurement.

Hard rules are facts (a broken row, a text with two labels, a copy of an evaluation message); label errors are
suspicions, found by a model that has not seen the message, for a person to look at.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from pydantic import BaseModel, ConfigDict
from rapidfuzz import fuzz, process

from model.classifier import FOLDS, held_out_probabilities
from model.dataset import Message, load_messages, message_files, mistakes, read_messages
from model.taxonomy import Taxonomy, load_taxonomy
from model.text import Tokenizer, comparable, load_lexicon, normalise

SIMILARITY = 80  # per cent of rapidfuzz's ratio
# Ordinary short wordings come close to each other by nature; only from these lengths is likeness copying.
NEAR_CHARS = 10
AGAINST_IDENTICAL_CHARS = 8
AGAINST_NEAR_CHARS = 20
MAX_NEAR_SHARE = 0.005
FRAME_REPEATS = 5
MAX_FRAME_SHARE = 0.003
SHOWN_FRAMES = 20
CHUNK = 2000


class Pair(BaseModel):
    """Two messages that should not both be there; places are `file:line`."""

    model_config = ConfigDict(frozen=True)

    first: str
    second: str
    text: str
    other_text: str


class Suspicion(BaseModel):
    """A message whose label a model trained without it contradicts."""

    model_config = ConfigDict(frozen=True)

    place: str
    text: str
    label: str
    suggested: str
    confidence: float


class DataReport(BaseModel):
    """Result of the check.

    Attributes:
        mistakes: broken rows, one line each.
        duplicates: the same text with the same label. conflicts: with different labels.
        near_duplicates, near_share: messages from NEAR_CHARS characters that repeat an earlier one.
        frames: frames (numbers and nouns masked) that recur more than FRAME_REPEATS times, with their counts.
        frame_share: share of all messages in such frames. top_frame_share: share of the commonest.
        identical, near: overlap with the evaluation file.
        suspicions: likely label errors, likeliest first.
        broken_rules: what makes the check fail.
    """

    model_config = ConfigDict(frozen=True)

    messages: int
    mistakes: list[str]
    duplicates: list[Pair]
    conflicts: list[Pair]
    near_duplicates: list[Pair]
    near_share: float
    frames: dict[str, int]
    frame_share: float
    top_frame_share: float
    secondary_share: float
    issues: dict[str, int]
    customers: dict[str, int]
    identical: list[Pair]
    near: list[Pair]
    suspicions: list[Suspicion]
    broken_rules: list[str]


def check(data_dir: Path, against: Path | None = None, with_labels: bool = True) -> DataReport:
    """Check the messages of a data folder, also against an evaluation file.

    Args:
        data_dir: holds taxonomy.yaml, messages/*.csv and lexicon.txt.
        against: CSV with text and issue columns whose messages must not be in the data.
        with_labels: look for label errors too (trains FOLDS models).
    """
    taxonomy = load_taxonomy(data_dir)
    wrong = [str(error) for path in message_files(data_dir) for error in mistakes(path, taxonomy)]
    if wrong:
        return _report([], wrong, taxonomy)
    messages = load_messages(data_dir, taxonomy)
    lexicon = load_lexicon(data_dir)
    evaluation = read_messages(against, taxonomy) if against else []
    return _report(messages, [], taxonomy, lexicon, evaluation, with_labels)


def _report(
    messages: list[Message],
    wrong: list[str],
    taxonomy: Taxonomy,
    lexicon: list[str] | None = None,
    evaluation: Sequence[Message] = (),
    with_labels: bool = False,
) -> DataReport:
    keys = [comparable(message.text) for message in messages]
    duplicates, conflicts = _same_text(messages, keys)
    near = list(_near_duplicates(messages, keys))
    frames = _frames(messages, lexicon or [])
    repeated = {frame: n for frame, n in frames.most_common() if n > FRAME_REPEATS}
    identical, close = _overlap(messages, keys, evaluation)
    n = len(messages) or 1
    near_share = len(near) / n
    top_share = max(repeated.values(), default=0) / n
    rules = {
        f"有 {len(wrong)} 行写错": bool(wrong),
        f"有 {len(duplicates)} 对完全重复": bool(duplicates),
        f"有 {len(conflicts)} 对同文不同标": bool(conflicts),
        f"近似重复 {near_share:.2%}，超过 {MAX_NEAR_SHARE:.1%}": near_share >= MAX_NEAR_SHARE,
        f"同一句式占 {top_share:.2%}，超过 {MAX_FRAME_SHARE:.1%}": top_share > MAX_FRAME_SHARE,
        f"与评估文件重合 {len(identical) + len(close)} 条": bool(identical or close),
    }
    return DataReport(
        messages=len(messages),
        mistakes=wrong,
        duplicates=duplicates,
        conflicts=conflicts,
        near_duplicates=near,
        near_share=near_share,
        frames=dict(list(repeated.items())[:SHOWN_FRAMES]),
        frame_share=sum(repeated.values()) / n,
        top_frame_share=top_share,
        secondary_share=sum(bool(message.secondary) for message in messages) / n,
        issues=_counts([message.issue for message in messages], list(taxonomy.issue_by_code)),
        customers=_counts([message.customer for message in messages], list(taxonomy.customer_by_code)),
        identical=identical,
        near=close,
        suspicions=label_suspicions(messages, lexicon or []) if with_labels else [],
        broken_rules=[rule for rule, broken in rules.items() if broken],
    )


def _counts(labels: list[str], codes: list[str]) -> dict[str, int]:
    counted = Counter(labels)
    return dict(sorted(((code, counted[code]) for code in codes), key=lambda item: -item[1]))


def _place(message: Message) -> str:
    return f"{message.voice}.csv:{message.line}"


def _pair(first: Message, second: Message) -> Pair:
    return Pair(first=_place(first), second=_place(second), text=first.text, other_text=second.text)


def _same_text(messages: list[Message], keys: list[str]) -> tuple[list[Pair], list[Pair]]:
    first_with: dict[str, Message] = {}
    duplicates: list[Pair] = []
    conflicts: list[Pair] = []
    for message, key in zip(messages, keys, strict=True):
        first = first_with.setdefault(key, message)
        if first is not message:
            same = (first.issue, first.customer) == (message.issue, message.customer)
            (duplicates if same else conflicts).append(_pair(first, message))
    return duplicates, conflicts


def _near_duplicates(messages: list[Message], keys: list[str]) -> Iterator[Pair]:
    """Each message that is like an earlier one, once. Compares only lengths that can reach the similarity."""
    order = sorted((i for i, key in enumerate(keys) if len(key) >= NEAR_CHARS), key=lambda i: len(keys[i]))
    texts = [keys[i] for i in order]
    lengths = np.array([len(text) for text in texts])
    # ratio = 2 * common / (a + b) >= 0.8 needs b <= 1.5 a.
    seen: set[int] = set()
    for start in range(0, len(texts), CHUNK):
        end = min(start + CHUNK, len(texts))
        reach = int(np.searchsorted(lengths, lengths[end - 1] * 1.5, side="right"))
        scores = process.cdist(
            texts[start:end], texts[start:reach], scorer=fuzz.ratio, score_cutoff=SIMILARITY, dtype=np.uint8, workers=-1
        )
        for row, column in zip(*np.nonzero(scores), strict=True):
            # Equal texts are told as duplicates.
            if row < column and start + column not in seen and texts[start + row] != texts[start + column]:
                seen.add(start + int(column))
                yield _pair(messages[order[start + row]], messages[order[start + column]])


def _frames(messages: list[Message], lexicon: list[str]) -> Counter[str]:
    """Messages from eight characters with numbers and nouns masked: what is left is how a thing is said."""
    tokenizer = Tokenizer(lexicon)
    frames: Counter[str] = Counter()
    for message in messages:
        text = normalise(message.text).text
        if len(text) >= AGAINST_IDENTICAL_CHARS:
            masked = ["＿" if flag[:1] in {"n", "m", "t"} else word for word, flag in tokenizer.tagged(text)]
            frames[re.sub("＿+", "＿", "".join(masked))] += 1
    return frames


def _overlap(messages: list[Message], keys: list[str], evaluation: Sequence[Message]) -> tuple[list[Pair], list[Pair]]:
    by_key = defaultdict(list)
    for message, key in zip(messages, keys, strict=True):
        by_key[key].append(message)
    identical, near = [], []
    for gold in evaluation:
        key = comparable(gold.text)
        if len(key) >= AGAINST_IDENTICAL_CHARS and key in by_key:
            identical += [_pair(gold, message) for message in by_key[key]]
        elif len(key) >= AGAINST_NEAR_CHARS:
            found = process.extract(key, keys, scorer=fuzz.ratio, score_cutoff=SIMILARITY, limit=3)
            near += [_pair(gold, messages[place]) for _, _, place in found]
    return identical, near


def label_suspicions(messages: Sequence[Message], lexicon: list[str]) -> list[Suspicion]:
    """Messages whose issue a model trained without their voice contradicts (confident learning), likeliest first."""
    labels = np.array([message.issue for message in messages])
    classes, y = np.unique(labels, return_inverse=True)
    if len(messages) < FOLDS * len(classes):
        return []
    probabilities = held_out_probabilities(messages, lexicon, "issue")
    ranked = find_label_issues(y, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Suspicion(
            place=_place(messages[i]),
            text=messages[i].text,
            label=messages[i].issue,
            suggested=str(classes[probabilities[i].argmax()]),
            confidence=round(float(probabilities[i].max()), 3),
        )
        for i in ranked
    ]
