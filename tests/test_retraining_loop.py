"""A week of chats becomes a model in production and leaves it again, while a running service answers."""

from __future__ import annotations

import csv
import json
import random
import shutil
import threading
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import httpx2 as httpx
import pytest
from typer.testing import CliRunner

from api.store.label_queue import text_sha256
from model import registry
from model.cli import add_commands, app
from tests.processes import serving
from tests.small_data import write_small_data
from tests.test_faults import running
from tests.test_label_cli import fill_in

WEEK = Path(__file__).parent / "data" / "week"
CHATS = [str(WEEK / name) for name in ("jingdong.csv", "qianniu.txt", "douyin.xlsx")]
# The gate counts F1 of labels with 20 messages: of so many messages in all a label has enough that a good week passes.
STEP = 6
PAUSE_SECONDS = 0.05
SWITCH_SECONDS = 60


class Shop(NamedTuple):
    """Training data of its own, model versions and a store: what the commands work on."""

    training_data: Path
    artifacts: Path
    store: Path

    def run(self, *arguments: str, code: int = 0) -> Any:
        """What a command says in JSON."""
        folders = {"SHOUHOU_ARTIFACTS": str(self.artifacts), "SHOUHOU_DATA": str(self.store)}
        done = CliRunner().invoke(app, [*arguments, "--json"], env=folders)
        assert done.exit_code == code, (arguments, done.exception, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def learn(self, sheet: Path, n: int, label: Callable[[str], str]) -> str:
        """Import the week, label n messages of the queue, train; the candidate's version."""
        imported = self.run("chats", "import", *CHATS, "--data", str(self.training_data))
        assert sum(file["taken"] + sum(file["skipped"].values()) for file in imported["files"]) > 2000
        assert self.run("label", "export", "--output", str(sheet), "-n", str(n))["messages"] == n
        fill_in(sheet, label)
        assert self.run("label", "take", str(sheet))["labelled"] == n
        assert self.run("label", "write", "--data", str(self.training_data))["added"] == n
        trained = self.run("train", "--data", str(self.training_data))
        assert not trained["current"]
        return str(trained["version"])


@pytest.fixture(scope="module", autouse=True)
def commands() -> None:
    add_commands()


@pytest.fixture(scope="module")
def gold() -> dict[str, str]:
    """The week's labels, by what a text says."""
    with (WEEK / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {text_sha256(row["text"]): row["issue"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("trained")
    shop = Shop(write_small_data(folder / "training_data", step=STEP), folder / "artifacts", folder / "store")
    assert shop.run("train", "--data", str(shop.training_data))["current"]
    return shop


@pytest.fixture
def shop(trained: Shop, tmp_path: Path) -> Shop:
    """A shop with a model in use, and nothing in its store."""
    return Shop(
        shutil.copytree(trained.training_data, tmp_path / "training_data"),
        shutil.copytree(trained.artifacts, tmp_path / "artifacts"),
        tmp_path / "store",
    )


def test_the_week_in_production(shop: Shop, gold: dict[str, str], tmp_path: Path) -> None:
    old = registry.current_version(shop.artifacts)
    assert old
    answered_by: list[str] = []

    def buyers(done: threading.Event) -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not done.wait(PAUSE_SECONDS):
                answer = client.post("/v1/recommendations", json={"message": f"第{len(answered_by)}单少发了一包"})
                assert answer.status_code == 200, answer.text
                answered_by.append(answer.json()["model_version"])

    def wait_for(version: str) -> None:
        give_up = time.monotonic() + SWITCH_SECONDS
        while answered_by[-1:] != [version]:
            assert time.monotonic() < give_up, f"the service did not come to {version}"
            time.sleep(PAUSE_SECONDS)

    with serving(data=shop.store, artifacts=shop.artifacts) as url, running(buyers, threads=1):
        wait_for(old)
        new = shop.learn(tmp_path / "week.xlsx", 200, lambda text: gold[text_sha256(text)])
        compared = shop.run("models", "compare")
        assert (compared["champion_version"], compared["candidate_version"]) == (old, new)
        assert compared["new_labels"][0]["n"] == 200
        assert compared["refusals"] == []
        assert set(answered_by) == {old}
        assert shop.run("models", "promote", new, "--reason", "上周的聊天") == {"current": new}
        wait_for(new)
        assert shop.run("models", "rollback") == {"current": old}
        wait_for(old)
    assert [version for version, _ in groupby(answered_by)] == [old, new, old]


def test_a_poisoned_week_is_refused(shop: Shop, gold: dict[str, str], tmp_path: Path) -> None:
    old = registry.current_version(shop.artifacts)
    labels = list(gold.values())
    random.Random(0).shuffle(labels)
    shuffled = dict(zip(gold, labels, strict=True))
    new = shop.learn(tmp_path / "week.xlsx", 700, lambda text: shuffled[text_sha256(text)])
    compared = shop.run("models", "compare", code=1)
    assert any("像是标乱了" in reason for reason in compared["refusals"])
    refused = shop.run("models", "promote", new, code=1)
    assert refused == {"current": old, "refusals": compared["refusals"]}
    assert registry.current_version(shop.artifacts) == old
