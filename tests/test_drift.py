"""Drift: the index is right, chance is no drift, and a change in what buyers write is told."""

from __future__ import annotations

import csv
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api import metrics
from api.app import create_app
from api.drift_watch import DriftWatch
from api.model_in_use import ModelInUse, ModelState, load_state
from api.settings import Settings
from api.store.clock import now_ms
from api.store.recent import recent_messages
from api.store.recommendations import record_of, write_recommendations
from api.store.retention import DAY_MS
from api.store.tables import recommendations
from model import registry
from model.drift import ACT_PSI, MIN_MESSAGES, Traffic, drift, reference, stability_index, traffic
from model.predictions import Predictions
from tests.conftest import HOME, shouhou

STRANGE = [f"葜蔟崤铘{number}瓴鼗旰" for number in range(150)]


@pytest.fixture(scope="module")
def held_out(small_artifacts: Path) -> Predictions:
    version = registry.current_version(small_artifacts)
    assert version
    return registry.load_held_out(small_artifacts, version)


@pytest.fixture(scope="module")
def small_state(small_artifacts: Path) -> ModelState:
    return load_state(small_artifacts)


def as_traffic(predictions: Predictions) -> Traffic:
    best = predictions.best_issues().tolist()
    return Traffic(best, predictions.issues.max(axis=1), predictions.unknown_words)


def psi(found: object) -> dict[str, float]:
    return {measure.measure: measure.psi for measure in found.measures}  # type: ignore[attr-defined]


def test_the_index_by_hand() -> None:
    expected = (0.5 - 0.25) * math.log(0.5 / 0.25) + (0.5 - 0.75) * math.log(0.5 / 0.75)
    assert stability_index([50, 50], [25, 75]) == pytest.approx(expected)
    assert stability_index([10, 20, 70], [100, 200, 700]) == pytest.approx(0, abs=1e-12)
    assert 0 < stability_index([100, 0], [0, 100]) < math.inf


def test_messages_of_the_same_kind_are_no_drift(held_out: Predictions) -> None:
    """A random half against the other: ten times, at sizes where 39 bins reach 0.25 by chance."""
    random = np.random.default_rng(0)
    drifted = []
    for size in (MIN_MESSAGES, 200, 600):
        for _ in range(10):
            order = random.permutation(len(held_out.messages))
            known, recent = held_out.take(order[size:]), held_out.take(order[:size])
            found = drift(reference(known, abstain=0.5), as_traffic(recent))
            assert found.n == size
            drifted.append([measure.has_drifted for measure in found.measures])
    assert np.mean(drifted) < 0.1
    assert not found.time_to_label
    assert "不必标注" in found.advice[0]


def test_too_few_messages_say_nothing(held_out: Predictions) -> None:
    found = drift(reference(held_out, 0.5), as_traffic(held_out.take(range(MIN_MESSAGES - 1))))
    assert not found.measures
    assert not found.time_to_label
    assert "还看不出变化" in found.advice[0]


def test_no_messages_at_all(held_out: Predictions, small_state: ModelState) -> None:
    found = drift(reference(held_out, 0.5), traffic(small_state.recommender.classifier, []))
    assert found.n == 0
    assert not found.time_to_label


def test_strange_words_are_time_to_label(small_state: ModelState) -> None:
    found = drift(small_state.manifest.reference, traffic(small_state.recommender.classifier, STRANGE))
    assert psi(found)["unknown_words"] > ACT_PSI
    assert psi(found)["confidence"] > ACT_PSI  # So small a model abstains nearly always, on these as on others.
    assert found.with_unknown_words[1] == 1.0
    assert found.time_to_label
    assert found.advice[0].startswith("该标注了：生词占比")


def test_easier_messages_are_no_reason_to_label(held_out: Predictions) -> None:
    """The index is large, but the change is to fewer unknown words and more confidence."""
    said = as_traffic(held_out)
    easier = Traffic(said.issues, np.minimum(1.0, said.confidence + 0.4), np.zeros(len(said.unknown_words)))
    found = drift(reference(held_out, 0.5), easier)
    assert min(psi(found)[name] for name in ("unknown_words", "confidence", "abstentions")) > ACT_PSI
    assert not found.time_to_label


def test_another_mix_of_issues_is_told_with_the_issue_that_grew(held_out: Predictions) -> None:
    said = held_out.best_issues()
    mostly = [*np.flatnonzero(said == "invoice")[:20].tolist() * 10, *range(100)]
    found = drift(reference(held_out, 0.5), as_traffic(held_out.take(mostly)))
    assert psi(found)["issues"] > ACT_PSI
    assert next(iter(found.grown)) == "invoice"
    before, now = found.grown["invoice"]
    assert now > 0.6 > before
    assert found.time_to_label


def test_the_reference_is_in_the_manifest(held_out: Predictions, small_state: ModelState) -> None:
    kept, thresholds = small_state.manifest.reference, small_state.recommender.classifier.thresholds
    assert kept.n == len(held_out.messages) == sum(kept.issues.values()) == sum(kept.confidence)
    assert kept.abstain == thresholds.abstain
    shares = np.array(kept.confidence) / kept.n
    assert np.abs(shares - 0.1).max() < 0.01  # Deciles.


def test_by_command_from_the_store_and_in_the_metrics(
    small_state: ModelState, small_artifacts: Path, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path)
    with TestClient(create_app(small_state, settings), HOME, client=("127.0.0.1", 50000)) as client:
        items = [{"message": text} for text in STRANGE]
        assert client.post("/v1/recommendations/batch", json={"items": items}).status_code == 200
    with TestClient(create_app(small_state, settings), HOME, client=("127.0.0.1", 50000)) as client:
        # The drift is measured beside the requests, from the start on.
        lines: list[str] = []
        give_up = time.monotonic() + 60
        while "shouhou_time_to_label 1.0" not in lines and time.monotonic() < give_up:
            lines = client.get("/metrics").text.splitlines()
        assert "shouhou_time_to_label 1.0" in lines
        assert "shouhou_drift_messages 150.0" in lines
        assert [line for line in lines if line.startswith('shouhou_drift_psi{measure="unknown_words"} ')]
    done = shouhou("drift", "--json", artifacts=small_artifacts, SHOUHOU_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == len(STRANGE)
    assert json.loads(done.stdout)["time_to_label"]
    shown = shouhou("drift", "--days", "1", artifacts=small_artifacts, SHOUHOU_DATA=str(tmp_path))
    assert "该标注了" in shown.stdout


def test_by_command_from_a_file(small_artifacts: Path, tmp_path: Path) -> None:
    path = tmp_path / "recent.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in STRANGE)])
    done = shouhou("drift", "--input", str(path), artifacts=small_artifacts)
    assert done.returncode == 0, done.stderr
    assert "该标注了：生词占比" in done.stdout
    path.write_bytes("消息\n漏了\n".encode("gbk"))
    wrong = shouhou("drift", "--input", str(path), artifacts=small_artifacts)
    assert wrong.returncode == 2
    assert "像是 GBK" in wrong.stderr


def test_recent_messages_are_the_newest(engine: Engine, small_state: ModelState) -> None:
    answer = small_state.recommender.recommend("漏了")
    records = [
        record_of(
            answer,
            f"{age} 天前，电话13800138000",
            answer_id=f"{age:032x}",
            made_at_ms=now_ms() - age * DAY_MS,
            owner="",
            model_version="v",
        )
        for age in range(10)
    ]
    write_recommendations(engine, records)
    assert recent_messages(engine, days=3, limit=2) == ["0 天前，电话[手机号]", "1 天前，电话[手机号]"]
    assert len(recent_messages(engine, days=7, limit=100)) == 7


def test_a_store_that_is_away_stops_nothing(engine: Engine, small_artifacts: Path, small_state: ModelState) -> None:
    recommendations.drop(engine)
    metrics.DRIFT_MESSAGES.set(7)
    DriftWatch(engine, ModelInUse(small_artifacts, small_state)).measure()
    assert "shouhou_drift_messages 7.0" in metrics.exposition().decode()
