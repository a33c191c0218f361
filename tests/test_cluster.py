"""predict and train on a real Dask cluster of processes, whose members are killed in the middle."""

from __future__ import annotations

import csv
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from model import registry
from model.bulk import predict_file, score_here
from model.classifier import FOLDS, Fitted, fit
from model.cluster import connect, scoring_on, training_on
from model.dataset import load_messages
from model.errors import InputError
from model.paths import TRAINING_DATA
from model.taxonomy import load_taxonomy
from model.text import load_lexicon
from tests.conftest import shouhou
from tests.dask_cluster import DaskCluster

VOICES, MESSAGES = 6, 150
ROWS = 9_000


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    started = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        started.add_workers(2)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder of training data: a few messages of a few voices."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "messages").mkdir()
    for name in ("taxonomy.yaml", "lexicon.txt"):
        shutil.copy(TRAINING_DATA / name, folder / name)
    for path in sorted((TRAINING_DATA / "messages").glob("*.csv"))[:VOICES]:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(islice(csv.reader(file), MESSAGES + 1))
        with (folder / "messages" / path.name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def fit_here(data: Path, progress: object = lambda: None) -> Fitted:
    taxonomy = load_taxonomy(data)
    return fit(load_messages(data, taxonomy), taxonomy, load_lexicon(data), progress)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def small(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a model trained on it, here."""
    folder = tmp_path_factory.mktemp("artifacts")
    done = shouhou("train", "--data", str(data), "--output", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def messages(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A csv of ROWS messages, in batches small enough to be many."""
    monkeypatch.setattr("model.tables.BATCH", 300)
    texts = [message.text for message in load_messages(data, load_taxonomy(data))]
    path = tmp_path / "in.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["no", "text"])
        writer.writerows((f"{i:05}", texts[i * 7919 % len(texts)]) for i in range(ROWS))
    return path


def predict_here(small: Path, messages: Path) -> bytes:
    """What predict writes without a cluster."""
    target = messages.with_name("here.csv")
    classifier, _ = registry.load(small)
    predict_file(partial(score_here, classifier), messages, target, lambda _done, _rows: None)
    return target.read_bytes()


def predict_on(cluster: DaskCluster, small: Path, messages: Path, after_first: object) -> Path:
    """Predict on the cluster; something happens once the first batch is written."""
    target = messages.with_name("there.csv")
    steps: list[int] = []

    def progress(done: int, rows: int) -> None:
        steps.append(done)
        if len(steps) == 1:
            assert done < rows
            after_first()  # type: ignore[operator]

    version = registry.current_version(small)
    assert version is not None
    with scoring_on(cluster.address, small, version) as score_all:
        assert predict_file(score_all, messages, target, progress) == ROWS
    return target


def test_the_commands_give_the_same_there_as_here(
    cluster: DaskCluster, data: Path, small: Path, messages: Path, tmp_path: Path
) -> None:
    """As users run them: the same file to the byte, the same model to the bit."""
    arguments = ("predict", "--input", str(messages), "--output")
    for target, place in (("a.csv", ()), ("b.csv", ("--scheduler", cluster.address))):
        done = shouhou(*arguments, str(tmp_path / target), *place, artifacts=small)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    done = shouhou("train", "--data", str(data), "--output", str(tmp_path / "art"), "--scheduler", cluster.address)
    assert done.returncode == 0, done.stderr
    (here, first), (there, second) = registry.load(small), registry.load(tmp_path / "art")
    assert first.metrics == second.metrics
    assert first.thresholds == second.thresholds
    assert here.words == there.words
    assert here.temperatures == there.temperatures
    for name in ("weights", "idf", "intercepts"):
        assert np.array_equal(getattr(here, name), getattr(there, name))


def test_predict_outlives_a_worker(cluster: DaskCluster, small: Path, messages: Path) -> None:
    target = predict_on(cluster, small, messages, cluster.kill_worker)
    assert target.read_bytes() == predict_here(small, messages)


def test_predict_uses_a_worker_that_joins(cluster: DaskCluster, small: Path, messages: Path) -> None:
    """Both workers die, one comes: the model and the lost batches reach it."""

    def replace() -> None:
        cluster.kill_worker()
        cluster.kill_worker()
        cluster.add_workers(1)

    target = predict_on(cluster, small, messages, replace)
    assert target.read_bytes() == predict_here(small, messages)


def test_train_outlives_a_worker(cluster: DaskCluster, data: Path) -> None:
    here = fit_here(data)
    folds: list[int] = []

    def progress() -> None:
        folds.append(1)
        if len(folds) == 1:
            cluster.kill_worker()

    with training_on(cluster.address):
        there = fit_here(data, progress)
    assert len(folds) == FOLDS + 1
    assert there.held_out == here.held_out
    assert np.array_equal(there.classifier.weights, here.classifier.weights)


@pytest.mark.parametrize(("lost", "words"), [("workers", "一个 worker 也没有了"), ("scheduler", "调度器没了")])
def test_a_lost_cluster_is_told_and_leaves_nothing(
    cluster: DaskCluster, small: Path, messages: Path, lost: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.cluster.WORKER_SECONDS", 1)

    def lose() -> None:
        for process in cluster.workers if lost == "workers" else [cluster.scheduler]:
            process.send_signal(signal.SIGKILL)

    with pytest.raises(InputError, match=words):
        predict_on(cluster, small, messages, lose)
    assert list(messages.parent.iterdir()) == [messages]


def test_an_address_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.cluster.CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(InputError, match="没有 Dask 调度器"), connect(address):
            pass


def test_a_model_that_was_changed_on_the_way_is_not_loaded(small: Path) -> None:
    version = registry.current_version(small)
    assert version is not None
    raw, manifest = registry.read_artifact(small, version)
    assert registry.unpack(raw, manifest).issue_codes == registry.load(small)[0].issue_codes
    with pytest.raises(InputError, match="SHA-256"):
        registry.unpack(raw[:-1] + b"\0", manifest)
