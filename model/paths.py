"""Where things lie: the checkout that the application runs from, and the environment's overrides."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRAINING_DATA = ROOT / "training_data"


def artifacts_dir() -> Path:
    """Folder of model versions: `SHOUHOU_ARTIFACTS`, by default `.artifacts` in the checkout."""
    return Path(os.environ.get("SHOUHOU_ARTIFACTS") or ROOT / ".artifacts")
