"""Artifacts: nothing is loaded that the manifest does not vouch for; nothing is half written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model import registry
from model.errors import InputError
from model.inference import Classifier


@pytest.fixture
def copy(artifacts: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(artifacts, tmp_path / "artifacts"))


def artifact(folder: Path) -> Path:
    version = registry.current_version(folder)
    assert version
    return folder / version / registry.ARTIFACT


def test_loads_what_was_saved(artifacts: Path) -> None:
    classifier, manifest = registry.load(artifacts)
    assert manifest.version == registry.current_version(artifacts)
    assert manifest.tokenizer.startswith("rjieba ")
    assert manifest.messages > 3000
    assert len(classifier.issue_codes) == 39


def test_a_changed_artifact_is_refused(copy: Path) -> None:
    path = artifact(copy)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"与清单的 SHA-256 不符.*运行 shouhou train"):
        registry.load(copy)


def test_a_truncated_artifact_is_refused(copy: Path) -> None:
    path = artifact(copy)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="被改动或截断"):
        registry.load(copy)


def test_a_missing_artifact_is_told(copy: Path) -> None:
    artifact(copy).unlink()
    with pytest.raises(InputError, match="运行 shouhou train"):
        registry.load(copy)


@pytest.mark.parametrize("content", ["", "{", '{"version": 1}'])
def test_a_damaged_manifest_is_told(copy: Path, content: str) -> None:
    (artifact(copy).parent / registry.MANIFEST).write_text(content)
    with pytest.raises(InputError, match="清单已损坏"):
        registry.load(copy)


def test_a_model_of_an_older_program_is_told(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, manifest = registry.load(artifacts)
    older = {name: getattr(classifier, name) for name in classifier.__dataclass_fields__ if name != "n_words"}
    monkeypatch.setattr(Classifier, "__getstate__", lambda _: older)
    held_out = registry.load_held_out(artifacts, manifest.version)
    registry.set_current(tmp_path, registry.save(classifier, held_out, tmp_path).version)
    with pytest.raises(InputError, match=r"是本程序的另一个版本生成的.*运行 shouhou train"):
        registry.load(tmp_path)


def test_held_out_predictions_are_those_of_the_report(artifacts: Path) -> None:
    classifier, manifest = registry.load(artifacts)
    held_out = registry.load_held_out(artifacts, manifest.version)
    again = held_out.report(classifier.thresholds.abstain)
    assert again.issue_accuracy == manifest.metrics.issue_accuracy
    assert again.also_recall == manifest.metrics.also_recall
    assert again.ece == pytest.approx(manifest.metrics.ece, abs=1e-6)  # Kept in single precision.
    assert registry.fingerprint(held_out.messages) == manifest.data_fingerprint


def test_changed_held_out_predictions_are_refused(copy: Path) -> None:
    path = artifact(copy).with_name(registry.HELD_OUT)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="与清单的 SHA-256 不符"):
        registry.load_held_out(copy, path.parent.name)


def test_no_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"还没有训练好的模型 .* 先运行 shouhou train"):
        registry.load(tmp_path)


def test_an_unwritable_folder_is_one_line(artifacts: Path, tmp_path: Path) -> None:
    classifier, manifest = registry.load(artifacts)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="写不了"):
        registry.save(classifier, registry.load_held_out(artifacts, manifest.version), tmp_path / "file" / "artifacts")


def test_a_failed_save_leaves_nothing(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, manifest = registry.load(artifacts)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    held_out = registry.load_held_out(artifacts, manifest.version)
    monkeypatch.setattr(registry, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        registry.save(classifier, held_out, tmp_path)
    assert list(tmp_path.iterdir()) == []
