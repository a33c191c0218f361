"""Training data that takes seconds to learn: a sample of the shipped messages."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

from model.paths import TRAINING_DATA

Row = dict[str, str]
STEP = 25


def write_small_data(folder: Path, without: str | None = None, step: int = STEP) -> Path:
    """A data folder with every so-manieth message of each voice, but for one."""
    (folder / "messages").mkdir(parents=True)
    for name in ("taxonomy.yaml", "lexicon.txt"):
        shutil.copy(TRAINING_DATA / name, folder)
    for path in sorted((TRAINING_DATA / "messages").glob("*.csv")):
        if path.stem != without:
            add_voice(folder, path.stem, lambda rows: rows[::step])
    return folder


def add_voice(folder: Path, voice: str, change: Callable[[list[Row]], list[Row]]) -> None:
    """Add a shipped voice's messages, changed."""
    with (TRAINING_DATA / "messages" / f"{voice}.csv").open(encoding="utf-8", newline="") as file:
        rows = change(list(csv.DictReader(file)))
    with (folder / "messages" / f"{voice}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
