"""A candidate against the version in use, on the same messages, with no model judged on what it was trained on.

The frozen evaluation is what the version in use was trained on, with the labels of that time: training keeps, with
each version, what was predicted of every message by a model that had not seen its voice (cross-validation). So nothing
need be kept out of training, both sides are judged on all messages, and labels that came later cannot judge themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.stats import binomtest

from model.dataset import Message
from model.errors import InputError
from model.evaluation import LabelReport, Report
from model.inference import Classifier
from model.predictions import Predictions, predict_labelled
from model.registry import load, load_held_out
from model.taxonomy import Head
from model.text import normalise

FROZEN = "frozen"
SIGNIFICANCE = 0.05
MAX_CHANGES = 200  # Messages listed of each kind; the counts are of all.
METRIC_NAMES = {
    "问题类型 准确率": "issue_accuracy",
    "问题类型 宏 F1": "issue_macro_f1",
    "问题类型 前三命中": "issue_top3",
    "客户类型 准确率": "customer_accuracy",
    "客户类型 宏 F1": "customer_macro_f1",
    "校准误差 ECE": "ece",
    "达到把握门槛的比例": "coverage",
    "其中的准确率": "coverage_accuracy",
}
_Codes = NDArray[np.str_]
_Said = tuple[_Codes, dict[str, LabelReport]]  # Of one head: the likeliest label of each message, the metrics.
_ABSENT = LabelReport(precision=0.0, recall=0.0, f1=0.0, support=0)


@dataclass(frozen=True)
class Version:
    """A model version as it is compared: the model, and what was predicted of its training messages."""

    name: str
    classifier: Classifier
    held_out: Predictions


class McNemar(BaseModel):
    """McNemar's exact test: messages that only one of the two has right; two-sided p-value.

    Source: McNemar, Psychometrika 12 (1947); exact by the binomial distribution.
    """

    model_config = ConfigDict(frozen=True)

    only_champion: int
    only_candidate: int
    p_value: float

    @property
    def may_be_chance(self) -> bool:
        """Whether versions that are equally good differ as much often enough."""
        return self.p_value >= SIGNIFICANCE


class LabelChange(BaseModel):
    """One label's F1 and recall; support is the number of gold messages.

    `mcnemar` is of the question whether a message has this label or another.
    """

    model_config = ConfigDict(frozen=True)

    head: Head
    code: str
    name: str
    support: int
    champion_f1: float
    candidate_f1: float
    champion_recall: float
    candidate_recall: float
    mcnemar: McNemar


class Changed(BaseModel):
    """A message that one version has right and the other wrong."""

    model_config = ConfigDict(frozen=True)

    text: str
    place: str
    gold: str
    champion: str
    candidate: str
    champion_confidence: float
    candidate_confidence: float


class NewLabels(BaseModel):
    """Labels of the candidate's data that the champion's did not have, of one file or of all.

    Attributes:
        where: the file, or all.
        n: labels; relabelled: those of messages that had another label before.
        champion_agrees: share that the champion, not trained on them, predicts as labelled.
        champion_expected: its mean confidence: the share it should have right, were the labels like those it knows.
        candidate_agrees: share that the candidate predicts, each by a model that had not seen the file.
    """

    model_config = ConfigDict(frozen=True)

    where: str
    n: int
    relabelled: int
    champion_agrees: float
    champion_expected: float
    candidate_agrees: float


class Comparison(BaseModel):
    """Result of a comparison.

    Attributes:
        evaluated_on: "frozen", or the labelled file.
        champion, candidate: metrics on the same messages.
        mcnemar: of the issue.
        labels: of both heads, the largest loss first.
        lost: messages that only the champion has right, the candidate's surest mistakes first; gained: the reverse.
        new_labels: told apart, they decide nothing of the metrics; of all first, then by file.
    """

    model_config = ConfigDict(frozen=True)

    champion_version: str
    candidate_version: str
    evaluated_on: str
    champion: Report
    candidate: Report
    mcnemar: McNemar
    labels: list[LabelChange]
    lost: list[Changed]
    gained: list[Changed]
    new_labels: list[NewLabels]


def load_version(artifacts: Path, name: str) -> Version:
    """Verify and load a version.

    Raises:
        InputError: it is missing or broken.
    """
    classifier, _ = load(artifacts, name)
    return Version(name, classifier, load_held_out(artifacts, name))


def compare(champion: Version, candidate: Version) -> Comparison:
    """Compare on the frozen evaluation.

    A message that stands twice in the data of either is left out: one copy would be judged by a model that was trained
    on the other.

    Raises:
        InputError: nothing is left to compare on.
    """
    times_of_candidate = Counter(key(message) for message in candidate.held_out.messages)
    times = Counter(key(message) for message in champion.held_out.messages)
    frozen = [m for m in champion.held_out.messages if times[key(m)] == 1 and times_of_candidate[key(m)] <= 1]
    return _compare(champion, candidate, frozen, FROZEN)


def compare_on(champion: Version, candidate: Version, messages: Sequence[Message], name: str) -> Comparison:
    """Compare on other labelled messages.

    Raises:
        InputError: there are none.
    """
    return _compare(champion, candidate, messages, name)


def key(message: Message) -> str:
    """What makes two messages the same: their normal form."""
    return normalise(message.text).text


def predict_unseen(version: Version, messages: Sequence[Message]) -> Predictions:
    """Predictions by models that were not trained on the messages: those kept with the version, else its own."""
    kept_at = {key(message): place for place, message in enumerate(version.held_out.messages)}
    places = np.array([kept_at.get(key(message), -1) for message in messages], dtype=np.intp)
    kept, fresh = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
    parts = (
        (kept, version.held_out.take(places[kept])),
        (fresh, predict_labelled(version.classifier, [messages[i] for i in fresh.tolist()])),
    )
    order = np.argsort(np.concatenate([where for where, _ in parts]))
    both = [part for _, part in parts]
    stacked = Predictions(
        [message for part in both for message in part.messages],
        np.concatenate([part.issues for part in both]),
        version.classifier.issue_codes,
        np.concatenate([part.customers for part in both]),
        version.classifier.customer_codes,
        [codes for part in both for codes in part.also],
        np.concatenate([part.unknown_words for part in both]),
    )
    return replace(stacked.take(order), messages=messages)


def _compare(champion: Version, candidate: Version, messages: Sequence[Message], name: str) -> Comparison:
    if not messages:
        raise InputError("没有可以用来对照的消息", remedy="用 --data 指定标注好的文件")
    before, after = (predict_unseen(version, messages) for version in (champion, candidate))
    old, new = (
        predictions.report(version.classifier.thresholds.abstain)
        for predictions, version in ((before, champion), (after, candidate))
    )
    gold = np.array([message.issue for message in messages])
    right_before, right_after = before.best_issues() == gold, after.best_issues() == gold
    lost, gained = right_before & ~right_after, ~right_before & right_after
    return Comparison(
        champion_version=champion.name,
        candidate_version=candidate.name,
        evaluated_on=name,
        champion=old,
        candidate=new,
        mcnemar=_mcnemar(right_before, right_after),
        labels=_label_changes(champion, candidate, (before, old), (after, new)),
        lost=_changed(lost, before, after),
        gained=_changed(gained, before, after),
        new_labels=_new_labels(champion, candidate),
    )


def _mcnemar(right_before: NDArray[np.bool_], right_after: NDArray[np.bool_]) -> McNemar:
    lost, gained = int((right_before & ~right_after).sum()), int((~right_before & right_after).sum())
    p_value = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    return McNemar(only_champion=lost, only_candidate=gained, p_value=float(p_value))


def _label_changes(
    champion: Version, candidate: Version, before: tuple[Predictions, Report], after: tuple[Predictions, Report]
) -> list[LabelChange]:
    names: dict[tuple[Head, str], str] = {}
    for taxonomy in (candidate.classifier.taxonomy, champion.classifier.taxonomy):
        names |= {("issue", issue.code): issue.name for issue in taxonomy.issues}
        names |= {("customer", customer.code): customer.name for customer in taxonomy.customers}
    (told_before, old), (told_after, new) = before, after
    issues = np.array([message.issue for message in told_before.messages])
    customers = np.array([message.customer for message in told_before.messages])

    def of_head(head: Head, gold: _Codes, before: _Said, after: _Said) -> list[LabelChange]:
        (said_before, olds), (said_after, news) = before, after
        return [
            LabelChange(
                head=head,
                code=code,
                name=names[head, code],
                support=max(was.support, now.support),
                champion_f1=was.f1,
                candidate_f1=now.f1,
                champion_recall=was.recall,
                candidate_recall=now.recall,
                mcnemar=_mcnemar((said_before == code) == (gold == code), (said_after == code) == (gold == code)),
            )
            for code in sorted({*olds, *news})
            for was, now in [(olds.get(code, _ABSENT), news.get(code, _ABSENT))]
        ]

    changes = [
        *of_head("issue", issues, (told_before.best_issues(), old.issues), (told_after.best_issues(), new.issues)),
        *of_head(
            "customer",
            customers,
            (told_before.best_customers(), old.customers),
            (told_after.best_customers(), new.customers),
        ),
    ]
    return sorted(changes, key=lambda change: change.candidate_f1 - change.champion_f1)


def _changed(which: NDArray[np.bool_], before: Predictions, after: Predictions) -> list[Changed]:
    said_before, said_after = before.best_issues(), after.best_issues()
    sure_before, sure_after = before.issues.max(axis=1), after.issues.max(axis=1)
    places = sorted(np.flatnonzero(which).tolist(), key=lambda i: -sure_after[i])[:MAX_CHANGES]
    return [
        Changed(
            text=before.messages[i].text,
            place=f"{before.messages[i].voice}.csv:{before.messages[i].line}",
            gold=before.messages[i].issue,
            champion=str(said_before[i]),
            candidate=str(said_after[i]),
            champion_confidence=round(float(sure_before[i]), 4),
            candidate_confidence=round(float(sure_after[i]), 4),
        )
        for i in places
    ]


def _new_labels(champion: Version, candidate: Version) -> list[NewLabels]:
    known = {key(message): message.issue for message in champion.held_out.messages}
    new = [message for message in candidate.held_out.messages if known.get(key(message)) != message.issue]
    if not new:
        return []
    before, after = (predict_unseen(version, new) for version in (champion, candidate))
    gold = np.array([message.issue for message in new])
    right_before, right_after = before.best_issues() == gold, after.best_issues() == gold
    confidence = before.issues.max(axis=1)
    relabelled = np.array([key(message) in known for message in new])
    voices = np.array([message.voice for message in new])

    def told(where: str, which: NDArray[np.bool_]) -> NewLabels:
        return NewLabels(
            where=where,
            n=int(which.sum()),
            relabelled=int(relabelled[which].sum()),
            champion_agrees=float(right_before[which].mean()),
            champion_expected=float(confidence[which].mean()),
            candidate_agrees=float(right_after[which].mean()),
        )

    by_file = [told(f"{voice}.csv ", voices == voice) for voice in sorted(set(voices.tolist()))]
    return [told("全部文件", np.ones(len(new), dtype=bool)), *by_file]
