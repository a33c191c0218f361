"""`make bench-retraining`: from 1,000 new labels to a promoted model, by the commands that staff type.

In a scratch copy of this project, without one voice of the shipped messages: its buyer plays the new chats, its labels
the person who labels. The first model, the import and the export prepare; what counts begins with the filled-in sheet.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.store.label_queue import text_sha256
from model.paths import ROOT, TRAINING_DATA
from model.redaction import redact
from tests.test_label_cli import fill_in

VOICE = "tb_newmom"
LABELS = 1000
GOAL_SECONDS = 120


@dataclass(frozen=True)
class Step:
    """A command that ran: its answer, wall seconds, processor seconds with those of its processes."""

    command: str
    answer: Any
    seconds: float
    processor_seconds: float


@dataclass(frozen=True)
class Shop:
    """A copy of the project with model versions and a store of its own."""

    folder: Path

    def run(self, *arguments: str) -> Step:
        """Run a command to its good end."""
        environment = os.environ | {"SHOUHOU_ARTIFACTS": str(self.folder / ".artifacts")}
        environment |= {"SHOUHOU_DATA": str(self.folder / ".data")}
        command = [sys.executable, "-m", "model.cli", *arguments, "--json"]
        before = os.times()
        start = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, check=True)
        seconds = time.monotonic() - start
        after = os.times()
        processor = after.children_user + after.children_system - before.children_user - before.children_system
        return Step(f"shouhou {' '.join(arguments[:2])}", json.loads(done.stdout), seconds, processor)


def copy_project(folder: Path) -> Shop:
    """What the commands need of it; Python finds the modules of the folder it runs in first."""
    for name in ("model", "api", "training_data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "training_data" / "messages" / f"{VOICE}.csv").unlink()
    return Shop(folder)


def prepare(shop: Shop, sheet: Path) -> list[Step]:
    """A model in use, the voice's messages in the queue, 1,000 of them labelled in a spreadsheet."""
    with (TRAINING_DATA / "messages" / f"{VOICE}.csv").open(encoding="utf-8", newline="") as file:
        gold = {text_sha256(redact(row["text"])): row["issue"] for row in csv.DictReader(file)}
        file.seek(0)
        said = [row["text"] for row in csv.DictReader(file)]
    chats = sheet.with_name("chats.csv")
    with chats.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["角色", "消息内容"], *(["买家", text] for text in said)])
    steps = [
        shop.run("train"),
        shop.run("chats", "import", str(chats)),
        shop.run("label", "export", "--output", str(sheet), "-n", str(LABELS)),
    ]
    assert len(fill_in(sheet, lambda text: gold[text_sha256(text)])) == LABELS
    return steps


def retrain(shop: Shop, sheet: Path) -> list[Step]:
    """From the spreadsheet to the model in use."""
    taken = shop.run("label", "take", str(sheet))
    assert taken.answer["labelled"] == LABELS
    written = shop.run("label", "write")
    trained = shop.run("train")
    version = trained.answer["version"]
    compared = shop.run("models", "compare")
    assert compared.answer["candidate_version"] == version
    promoted = shop.run("models", "promote", version)
    assert promoted.answer == {"current": version}
    return [taken, written, trained, compared, promoted]


def table(title: str, steps: list[Step]) -> str:
    """As Markdown."""
    rows = [f"| {step.command} | {step.seconds:.1f} | {step.processor_seconds:.1f} |" for step in steps]
    total = (
        f"| **合计** | **{sum(s.seconds for s in steps):.1f}** | **{sum(s.processor_seconds for s in steps):.1f}** |"
    )
    return "\n".join([f"| {title} | 秒 | CPU 秒 |", "| --- | ---: | ---: |", *rows, total])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="for the scratch copy; by default the system's")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="retraining-", dir=arguments.folder) as name:
        folder = Path(name)
        shop = copy_project(folder / "project")
        sheet = folder / "to_label.xlsx"
        print(table("准备", prepare(shop, sheet)), flush=True)
        steps = retrain(shop, sheet)
    print(f"\n{table(f'{LABELS:,} 个新标签到启用', steps)}")
    print(f"\n目标 {GOAL_SECONDS} 秒；{os.cpu_count()} 核，开始前的负载 {load:.1f}")


if __name__ == "__main__":
    main()
