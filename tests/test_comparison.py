"""Challenger against champion: what is compared, what the gate refuses, and the whole of it by command."""

from __future__ import annotations

import json
import random
import re
import shutil
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import registry
from model.comparison import Comparison, Version, compare, compare_on, load_version
from model.comparison_report import write_report
from model.dataset import Message, read_messages
from model.errors import InputError
from model.gate import GATE, Gate, load_gate, refusals
from model.paths import TRAINING_DATA
from model.predictions import Predictions, predict_labelled
from model.promotions import history
from tests.conftest import shouhou
from tests.small_data import Row, add_voice, write_small_data

CHATS = Path(__file__).parent / "data" / "week" / "labels.csv"
WEEK = "dlg_mixed"  # A voice that the small model has not seen.
LENIENT = Gate(
    accuracy_drop_points=0.5,
    label_drop_points=100,
    label_min_examples=20,
    new_labels_agreement=0.5,
    new_labels_min=50,
)


@pytest.fixture(scope="module")
def champion(small_artifacts: Path) -> Version:
    version = registry.current_version(small_artifacts)
    assert version
    return load_version(small_artifacts, version)


@pytest.fixture(scope="module")
def week(champion: Version) -> list[Message]:
    path = TRAINING_DATA / "messages" / f"{WEEK}.csv"
    return read_messages(path, champion.classifier.taxonomy)[::5]


def candidate_of(champion: Version, held_out: Predictions) -> Version:
    return Version("candidate", champion.classifier, held_out)


def answering(predictions: Predictions, places: Iterable[int], right: bool) -> Predictions:
    """The predictions with some messages surely right, or surely wrong."""
    issues = predictions.issues.copy()
    for place in places:
        gold = predictions.issue_codes.index(predictions.messages[place].issue)
        issues[place] = 0
        issues[place, gold if right else (gold + 1) % issues.shape[1]] = 1
    return replace(predictions, issues=issues)


def rights(predictions: Predictions) -> list[int]:
    gold = np.array([message.issue for message in predictions.messages])
    return np.flatnonzero(predictions.best_issues() == gold).tolist()


def shuffled(messages: Sequence[Message], share: float) -> list[Message]:
    """Messages of which a share has each other's issues."""
    dice = random.Random(0)
    places = dice.sample(range(len(messages)), int(share * len(messages)))
    issues = dice.sample([messages[place].issue for place in places], len(places))
    mixed = dict(zip(places, issues, strict=True))
    return [replace(message, issue=mixed.get(i, message.issue)) for i, message in enumerate(messages)]


def with_messages(champion: Version, messages: Sequence[Message]) -> Version:
    """A candidate that was trained on further messages, of which it has learnt nothing."""
    told = predict_labelled(champion.classifier, messages)
    held_out = champion.held_out
    more = Predictions(
        [*held_out.messages, *messages],
        np.concatenate([held_out.issues, told.issues]),
        held_out.issue_codes,
        np.concatenate([held_out.customers, told.customers]),
        held_out.customer_codes,
        [*held_out.also, *told.also],
        np.concatenate([held_out.unknown_words, told.unknown_words]),
    )
    return candidate_of(champion, more)


def test_the_same_again_is_not_refused(champion: Version) -> None:
    result = compare(champion, candidate_of(champion, champion.held_out))
    assert result.champion == result.candidate
    assert result.champion.n == len(champion.held_out.messages)
    assert (result.mcnemar.only_champion, result.mcnemar.only_candidate, result.mcnemar.p_value) == (0, 0, 1.0)
    assert result.lost == result.gained == result.new_labels == []
    assert refusals(result, load_gate()) == []


def test_mcnemars_test_and_the_messages_that_changed_sides(champion: Version) -> None:
    right = rights(champion.held_out)
    wrong = sorted(set(range(len(champion.held_out.messages))) - set(right))
    after = answering(answering(champion.held_out, right[:10], right=False), wrong[:2], right=True)
    result = compare(champion, candidate_of(champion, after))
    assert (result.mcnemar.only_champion, result.mcnemar.only_candidate) == (10, 2)
    assert result.mcnemar.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12)  # Twice the tail of 2 of 12.
    assert {change.text for change in result.lost} == {champion.held_out.messages[i].text for i in right[:10]}
    assert {change.text for change in result.gained} == {champion.held_out.messages[i].text for i in wrong[:2]}
    assert all(change.champion == change.gold != change.candidate for change in result.lost)


@pytest.mark.parametrize(("share", "refused"), [(0.004, False), (0.007, True)])
def test_a_fall_of_the_accuracy(champion: Version, share: float, refused: bool) -> None:
    right = rights(champion.held_out)
    count = int(share * len(champion.held_out.messages))
    after = answering(champion.held_out, right[:: len(right) // count][:count], right=False)
    told = refusals(compare(champion, candidate_of(champion, after)), LENIENT)
    assert bool(told) == refused
    assert all(re.search(r"问题类型准确率由 .* 降到 .*，超过 0\.5 个点", reason) for reason in told)


def test_a_fall_of_one_label(champion: Version) -> None:
    """All else is as good or better; only labels with enough examples count."""
    held_out = champion.held_out
    of_label = [i for i in rights(held_out) if held_out.messages[i].issue == "invoice"]
    better = sorted(set(range(len(held_out.messages))) - set(rights(held_out)))[:100]
    after = answering(answering(held_out, of_label[: len(of_label) // 3], right=False), better, right=True)
    result = compare(champion, candidate_of(champion, after))
    assert result.candidate.issue_accuracy > result.champion.issue_accuracy
    support = next(label.support for label in result.labels if label.code == "invoice")
    strict = LENIENT.model_copy(update={"label_drop_points": 5, "label_min_examples": support})
    (told,) = refusals(result, strict)
    lost = len(of_label) // 3
    assert re.match(
        rf"发票（invoice，{support} 条）的 F1 由 .* 降到 .*，超过 5 个点；.*改错 {lost} 条、改对 \d+ 条", told
    )
    assert "不像偶然" in told
    assert refusals(result, strict.model_copy(update={"label_min_examples": support + 1})) == []
    assert result.labels[0].code == "invoice"


def test_a_fall_that_may_be_chance_is_refused_and_told_so(champion: Version) -> None:
    held_out = champion.held_out
    of_label = [i for i in rights(held_out) if held_out.messages[i].issue == "invoice"]
    result = compare(champion, candidate_of(champion, answering(held_out, of_label[:3], right=False)))
    strict = LENIENT.model_copy(update={"label_drop_points": 1})
    (told,) = [reason for reason in refusals(result, strict) if "invoice" in reason]
    assert "改错 3 条、改对 0 条，可能只是偶然（p = 0.25）：多标" in told


def test_new_labels_decide_nothing_but_that_they_are_plausible(champion: Version, week: list[Message]) -> None:
    result = compare(champion, with_messages(champion, week))
    assert result.champion == result.candidate
    assert [(labels.n, labels.relabelled) for labels in result.new_labels] == [(len(week), 0)] * 2
    assert result.new_labels[0].champion_agrees > 0.7 * result.new_labels[0].champion_expected
    assert refusals(result, load_gate()) == []


def test_shuffled_labels_are_refused(champion: Version, week: list[Message]) -> None:
    told = refusals(compare(champion, with_messages(champion, shuffled(week, 1))), load_gate())
    assert len(told) == 2
    assert all("像是标乱了" in reason for reason in told)
    assert any(f"{WEEK}.csv" in reason for reason in told)


def test_a_week_is_refused_when_half_of_its_labels_are_shuffled(champion: Version) -> None:
    week = read_messages(CHATS, champion.classifier.taxonomy)
    assert refusals(compare(champion, with_messages(champion, week)), load_gate()) == []
    result = compare(champion, with_messages(champion, shuffled(week, 0.5)))
    assert 0.5 < result.new_labels[0].champion_agrees / result.new_labels[0].champion_expected < 0.6
    assert len(refusals(result, load_gate())) == 2


def test_old_labels_that_were_shuffled_are_refused(champion: Version) -> None:
    """The champion's labels decide what is right; that others have changed is told apart."""
    held_out = champion.held_out
    result = compare(champion, candidate_of(champion, replace(held_out, messages=shuffled(held_out.messages, 1))))
    assert result.champion == result.candidate
    assert result.new_labels[0].relabelled == result.new_labels[0].n > 0.9 * len(held_out.messages)
    assert all("像是标乱了" in reason for reason in refusals(result, load_gate()))
    assert refusals(result, load_gate())


def test_a_text_that_stands_twice_is_left_out(champion: Version) -> None:
    copy = replace(champion.held_out.messages[7], voice="week", line=2)
    result = compare(champion, with_messages(champion, [copy]))
    assert result.champion.n == len(champion.held_out.messages) - 1


def test_messages_that_the_candidate_lacks_are_answered_by_its_model(champion: Version) -> None:
    kept = champion.held_out.take(range(0, len(champion.held_out.messages), 2))
    result = compare(champion, candidate_of(champion, kept))
    assert result.candidate.n == len(champion.held_out.messages)
    lacking = champion.held_out.take(range(1, len(champion.held_out.messages), 2))
    by_model = predict_labelled(champion.classifier, lacking.messages)
    right = len(rights(kept)) + len(rights(by_model))
    assert result.candidate.issue_accuracy == pytest.approx(right / result.candidate.n)


def test_on_a_labelled_file(champion: Version, week: list[Message]) -> None:
    candidate = candidate_of(champion, champion.held_out)
    result = compare_on(champion, candidate, week, "week.csv")
    assert result.evaluated_on == "week.csv"
    assert result.champion == predict_labelled(champion.classifier, week).report(champion.classifier.thresholds.abstain)
    with pytest.raises(InputError, match="没有可以用来对照的消息"):
        compare_on(champion, candidate, [], "empty.csv")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("accuracy_drop_points: 0.5", "accuracy_drop_points: -1", r"gate\.yaml:5: accuracy_drop_points"),
        ("label_min_examples", "label_min", r"gate\.yaml"),
    ],
)
def test_the_gates_file_is_validated(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(GATE.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=told):
        load_gate(path)


def test_the_report_is_one_file_with_its_plots(champion: Version, tmp_path: Path) -> None:
    held_out = champion.held_out
    right = rights(held_out)
    messages = list(held_out.messages)
    messages[right[0]] = replace(messages[right[0]], text="<script>alert(1)</script>")
    marked = replace(champion, held_out=replace(held_out, messages=messages))
    worse = answering(marked.held_out, right[:300], right=False)
    result: Comparison = compare(marked, candidate_of(marked, worse))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # A character that the font lacks.
        write_report(result, refusals(result, load_gate()), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == page.count("</svg>") == 3
    assert "不可启用" in page
    assert "改错的消息（300 条，列出候选最有把握的 200 条）" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page), "nothing is loaded from elsewhere"
    write_report(result, [], tmp_path / "good.html")
    assert "达到启用门槛" in (tmp_path / "good.html").read_text(encoding="utf-8")


def test_a_poisoned_week_by_command(small_artifacts: Path, tmp_path: Path) -> None:
    """Train, compare, promote: refused; forced with a reason; rolled back."""
    artifacts = Path(shutil.copytree(small_artifacts, tmp_path / "artifacts"))
    first = registry.current_version(artifacts)
    assert first
    data = write_small_data(tmp_path / "data", without=WEEK)

    def poison(rows: list[Row]) -> list[Row]:
        rows = [{**row, "secondary": ""} for row in rows[::5]]
        labels = [row["issue"] for row in rows]
        random.Random(0).shuffle(labels)
        return [{**row, "issue": label} for row, label in zip(rows, labels, strict=True)]

    add_voice(data, WEEK, poison)
    done = shouhou("train", "--data", str(data), artifacts=artifacts)
    assert done.returncode == 0, done.stderr
    second = next(m.version for m in registry.versions(artifacts) if m.version != first)
    assert f"shouhou models promote {second}" in done.stdout
    assert registry.current_version(artifacts) == first

    report = tmp_path / "report.html"
    compared = shouhou("models", "compare", "--json", "--report", str(report), artifacts=artifacts)
    assert compared.returncode == 1, compared.stderr
    result = json.loads(compared.stdout)
    assert (result["champion_version"], result["candidate_version"]) == (first, second)
    assert any("像是标乱了" in reason for reason in result["refusals"])
    assert report.exists()

    refused = shouhou("models", "promote", second, artifacts=artifacts)
    assert refused.returncode == 1
    assert "不可启用" in refused.stdout
    assert registry.current_version(artifacts) == first
    silent = shouhou("models", "promote", second, "--force", artifacts=artifacts)
    assert silent.returncode == 2
    assert "--reason" in silent.stderr
    forced = shouhou("models", "promote", second, "--force", "--reason", "试验", "--by", "小王", artifacts=artifacts)
    assert forced.returncode == 0, forced.stderr
    assert registry.current_version(artifacts) == second
    (entry, had_effect) = history(artifacts)[-1]
    assert had_effect
    assert (entry.by, entry.reason, entry.before) == ("小王", "试验", first)
    assert any("像是标乱了" in reason for reason in entry.refusals)
    listed = shouhou("models", "list", artifacts=artifacts)
    assert "启用（强制）" in listed.stdout
    assert "试验" in listed.stdout

    back = shouhou("models", "rollback", "--reason", "答错太多", artifacts=artifacts)
    assert back.returncode == 0, back.stderr
    assert registry.current_version(artifacts) == first
    assert [(e.action, e.reason) for e, _ in history(artifacts)][-1] == ("rollback", "答错太多")


def test_a_broken_version_in_use_does_not_lock_the_door(small_artifacts: Path, tmp_path: Path) -> None:
    artifacts = Path(shutil.copytree(small_artifacts, tmp_path / "artifacts"))
    first = registry.current_version(artifacts)
    assert first
    classifier, _ = registry.load(artifacts)
    second = registry.save(classifier, registry.load_held_out(artifacts, first), artifacts).version
    path = artifacts / first / registry.ARTIFACT
    path.write_bytes(path.read_bytes()[:-1])
    stuck = shouhou("models", "promote", second, artifacts=artifacts)
    assert stuck.returncode == 2
    assert "--force" in stuck.stderr
    forced = shouhou("models", "promote", second, "--force", "--reason", "现版本坏了", artifacts=artifacts)
    assert forced.returncode == 0, forced.stderr
    assert registry.current_version(artifacts) == second
    assert "无法比较" in history(artifacts)[-1][0].refusals[0]
