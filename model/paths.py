"""Where things lie: the checkout that the application runs from, and the environment's overrides."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRAINING_DATA = ROOT / "training_data"
PLAYBOOK = ROOT / "model" / "playbook"


def artifacts_dir() -> Path:
    """Folder of model versions: `SHOUHOU_ARTIFACTS`, by default `.artifacts` in the checkout."""
    return Path(os.environ.get("SHOUHOU_ARTIFACTS") or ROOT / ".artifacts")


def playbook_overrides() -> Path | None:
    """The shop's own playbook folder: `SHOUHOU_PLAYBOOK_DIR`; None when it is not set."""
    folder = os.environ.get("SHOUHOU_PLAYBOOK_DIR")
    return Path(folder) if folder else None
