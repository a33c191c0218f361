"""Model versions on disk: save, verify, load.

`<artifacts>/<version>/model.joblib` with `held_out.parquet` (what was predicted of each training message by a model
that had not seen its voice) and `manifest.json`; `<artifacts>/current` names the version in use.
joblib files are code: nothing is loaded whose SHA-256 the manifest does not vouch for.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import joblib
from pydantic import BaseModel, ConfigDict, ValidationError

from model.dataset import Message
from model.drift import Reference, reference
from model.errors import InputError
from model.evaluation import Report
from model.inference import Classifier
from model.predictions import Predictions, load_predictions
from model.text import TOKENIZER_ENGINE
from model.whole_file import PRIVATE, fsync, written_aside

ARTIFACT = "model.joblib"
HELD_OUT = "held_out.parquet"
MANIFEST = "manifest.json"
CURRENT = "current"
LIBRARIES = ("scikit-learn", "numpy", "scipy", "joblib", "rjieba", "opencc")
RETRAIN = "运行 shouhou train 训练一个新的"


class Manifest(BaseModel):
    """What is known of a model version."""

    model_config = ConfigDict(frozen=True)

    version: str
    trained_at: str
    sha256: str
    size_bytes: int
    held_out_sha256: str
    tokenizer: str
    libraries: dict[str, str]
    data_fingerprint: str
    messages: int
    taxonomy_version: str
    thresholds: dict[str, float]
    metrics: Report
    reference: Reference


def installed_libraries() -> dict[str, str]:
    """Versions of the libraries that training and scoring rest on."""
    return {name: installed_version(name) for name in LIBRARIES}


def fingerprint(messages: Sequence[Message]) -> str:
    """SHA-256 over texts and labels, independent of the files they stand in."""
    digest = hashlib.sha256()
    for row in sorted("\0".join((m.text, m.issue, "|".join(m.secondary), m.customer)) for m in messages):
        digest.update(row.encode())
        digest.update(b"\n")
    return digest.hexdigest()


def save(classifier: Classifier, held_out: Predictions, artifacts: Path) -> Manifest:
    """Write a version aside, make it durable, move it into place. It is not yet current.

    Args:
        classifier: fitted on all messages.
        held_out: of those messages, each by a model that had not seen its voice.
        artifacts: folder of the versions.

    Raises:
        InputError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    now = datetime.now(UTC)
    data = fingerprint(held_out.messages)
    abstain = classifier.thresholds.abstain
    version = f"{now:%Y%m%dT%H%M%S%f}"[:-3] + f"-{data[:8]}"
    try:
        artifacts.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=artifacts))
    except OSError as error:
        raise InputError(
            f"写不了（{error.strerror}）", remedy="腾出空间，或另设 SHOUHOU_ARTIFACTS", path=artifacts
        ) from error
    try:
        joblib.dump(classifier, aside / ARTIFACT)  # Uncompressed, so that the arrays can be memory-mapped.
        held_out.save(aside / HELD_OUT)
        manifest = Manifest(
            version=version,
            trained_at=now.isoformat(timespec="seconds"),
            sha256=_sha256(aside / ARTIFACT),
            size_bytes=(aside / ARTIFACT).stat().st_size,
            held_out_sha256=_sha256(aside / HELD_OUT),
            tokenizer=f"{TOKENIZER_ENGINE} {installed_version(TOKENIZER_ENGINE)}",
            libraries=installed_libraries(),
            data_fingerprint=data,
            messages=len(held_out.messages),
            taxonomy_version=classifier.taxonomy.version,
            thresholds=vars(classifier.thresholds),
            metrics=held_out.report(abstain),
            reference=reference(held_out, abstain),
        )
        (aside / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
        for name in (ARTIFACT, HELD_OUT, MANIFEST):
            fsync(aside / name)
        aside.chmod(0o755)
        aside.rename(artifacts / version)
        fsync(artifacts)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise InputError(
            f"写不了（{error.strerror}）", remedy="腾出空间，或另设 SHOUHOU_ARTIFACTS", path=artifacts
        ) from error
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return manifest


def set_current(artifacts: Path, version: str) -> None:
    """Make a version the one in use, in one step that a crash cannot halve."""
    write_atomically(artifacts / CURRENT, version + "\n")


def current_version(artifacts: Path) -> str | None:
    """The version in use, or None when nothing was trained yet."""
    try:
        return (artifacts / CURRENT).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def versions(artifacts: Path) -> list[Manifest]:
    """Every version that has a readable manifest, oldest first."""
    found = []
    for path in sorted(artifacts.glob(f"[!.]*/{MANIFEST}")):
        try:
            found.append(read_manifest(artifacts, path.parent.name))
        except InputError:
            continue  # A damaged version is told by whoever asks for it by name.
    return found


def load(artifacts: Path, version: str | None = None) -> tuple[Classifier, Manifest]:
    """Verify and load a version, by default the current one. Its arrays are memory-mapped, read only.

    Raises:
        InputError: no version, a missing or broken manifest, or a file the manifest does not vouch for.
    """
    version = version or current_version(artifacts)
    if version is None:
        raise InputError("还没有训练好的模型", remedy="先运行 shouhou train", path=artifacts)
    manifest = read_manifest(artifacts, version)
    path = artifacts / version / ARTIFACT
    try:
        if path.stat().st_size != manifest.size_bytes or _sha256(path) != manifest.sha256:
            raise _not_vouched_for(path)
    except OSError as error:
        raise InputError(f"读不了（{error.strerror}）", remedy=RETRAIN, path=path) from error
    return _unpickle(lambda: joblib.load(path, mmap_mode="r"), manifest, path), manifest


def read_artifact(artifacts: Path, version: str) -> tuple[bytes, Manifest]:
    """A version's file and manifest, for `unpack` on another machine.

    Raises:
        InputError: one of them cannot be read.
    """
    manifest = read_manifest(artifacts, version)
    path = artifacts / version / ARTIFACT
    try:
        return path.read_bytes(), manifest
    except OSError as error:
        raise InputError(f"读不了（{error.strerror}）", remedy=RETRAIN, path=path) from error


def unpack(raw: bytes, manifest: Manifest) -> Classifier:
    """Verify and load what `read_artifact` gave.

    Raises:
        InputError: the manifest does not vouch for the bytes, or this program cannot load them.
    """
    path = Path(manifest.version) / ARTIFACT
    if hashlib.sha256(raw).hexdigest() != manifest.sha256:
        raise _not_vouched_for(path)
    return _unpickle(lambda: joblib.load(io.BytesIO(raw)), manifest, path)


def _not_vouched_for(path: Path) -> InputError:
    return InputError(
        "文件与清单的 SHA-256 不符（被改动或截断），不予载入",
        remedy=f"从备份恢复，或{RETRAIN}",
        path=path,
    )


def _unpickle(load_verified: Callable[[], object], manifest: Manifest, path: Path) -> Classifier:
    if manifest.libraries["scikit-learn"].split(".")[0] != installed_version("scikit-learn").split(".")[0]:
        raise InputError("是用另一个大版本的 scikit-learn 训练的", remedy=RETRAIN, path=path)
    try:
        classifier = load_verified()
    except (AttributeError, ImportError, TypeError) as error:
        raise InputError("是本程序的另一个版本生成的", remedy=RETRAIN, path=path) from error
    if not isinstance(classifier, Classifier):
        raise InputError("里面不是本程序的分类器", remedy=RETRAIN, path=path)
    return classifier


def load_held_out(artifacts: Path, version: str) -> Predictions:
    """What was predicted of the version's training messages, each by a model that had not seen its voice.

    Raises:
        InputError: there is no such version, or the file is not the one its manifest vouches for.
    """
    manifest = read_manifest(artifacts, version)
    path = artifacts / version / HELD_OUT
    try:
        if _sha256(path) != manifest.held_out_sha256:
            raise InputError("文件与清单的 SHA-256 不符", remedy=RETRAIN, path=path)
    except OSError as error:
        raise InputError(f"读不了（{error.strerror}）", remedy=RETRAIN, path=path) from error
    return load_predictions(path)


def read_manifest(artifacts: Path, version: str) -> Manifest:
    """The manifest of a version.

    Raises:
        InputError: it is missing or damaged.
    """
    path = artifacts / version / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"读不了（{error.strerror}）", remedy=RETRAIN, path=path) from error
    except ValidationError as error:
        raise InputError(
            "清单已损坏，或属于本程序的另一个版本",
            remedy=f"恢复它，或{RETRAIN}",
            path=path,
        ) from error


def write_atomically(path: Path, text: str) -> None:
    """Write aside, fsync, rename: readers see the old file or the new one, never half of one.

    Raises:
        InputError: the folder cannot be written or the disk is full.
    """
    try:
        with written_aside(path, PRIVATE) as aside:
            aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"写不了（{error.strerror}）", remedy="检查空间和权限", path=path) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
