"""Memory of a loaded model, in a process of its own: `python -m tests.memory ARTIFACTS < texts.json`."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

from model import registry
from model.tables import BATCH

SINGLE = 300


def megabytes() -> dict[str, float]:
    """What this process holds: all of it, and with its share of what others hold too."""
    gc.collect()
    kilobytes = dict(line.split()[:2] for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return {"RSS": int(kilobytes["Rss:"]) / 1024, "PSS": int(kilobytes["Pss:"]) / 1024}


def main() -> None:
    """Print one JSON object: stage -> megabytes."""
    texts = json.load(sys.stdin)
    stages = {"imports": megabytes()}
    classifier, _ = registry.load(Path(sys.argv[1]))
    stages["载入模型"] = megabytes()
    for text in texts[:SINGLE]:
        classifier.predict(text)
    stages[f"逐条打分 {SINGLE} 条"] = megabytes()
    for start in range(0, len(texts), BATCH):
        classifier.probabilities(texts[start : start + BATCH])
    stages[f"批量打分 {len(texts)} 条"] = megabytes()
    print(json.dumps(stages))


if __name__ == "__main__":
    main()
