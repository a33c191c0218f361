"""The notebooks run from top to bottom on small input, draw plots whose font has the characters, and store nothing."""

from __future__ import annotations

import base64
import csv
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from model.dataset import load_messages
from model.paths import ROOT, TRAINING_DATA
from model.taxonomy import Taxonomy

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MESSAGES = 1500
EVALUATION_STEP = 200
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def evaluation(taxonomy: Taxonomy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation file as a shop would have it."""
    path = tmp_path_factory.mktemp("evaluation") / "evaluation.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "issue", "customer"])
        for message in load_messages(TRAINING_DATA, taxonomy)[::EVALUATION_STEP]:
            writer.writerow([message.text, message.issue, message.customer])
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs, "clear the outputs before saving: they may hold evaluation sentences"
            assert cell.execution_count is None
        assert "attachments" not in cell


@pytest.mark.parametrize(
    ("name", "with_file"),
    [("01_messages", False), ("02_models", True), ("03_errors", False), ("03_errors", True), ("04_retrain", False)],
)
def test_runs_and_draws(name: str, with_file: bool, evaluation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUHOU_NOTEBOOK_MESSAGES", str(MESSAGES))
    monkeypatch.delenv("SHOUHOU_NOTEBOOK_EVALUATION", raising=False)
    if with_file:
        monkeypatch.setenv("SHOUHOU_NOTEBOOK_EVALUATION", str(evaluation))
    folder = ROOT / "notebooks"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()

    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        plots = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(plots) == cell.source.count("plt.show()")
        assert all(base64.b64decode(plot).startswith(PNG) for plot in plots)
        # Warnings land here: a character that the font lacks, a default that is going away.
        assert not [
            output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stderr"
        ]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before, "a notebook wrote a file"


def test_there_are_four_and_each_draws() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_messages", "02_models", "03_errors", "04_retrain"]
    assert all("plt.show()" in path.read_text(encoding="utf-8") for path in NOTEBOOKS)
