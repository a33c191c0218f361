"""Minutes under load: no error, and memory stays flat. `make soak` takes ten."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx

from tests.processes import start
from tests.test_faults import running

SECONDS = float(os.environ.get("SOAK_SECONDS", "75"))
WARM_SHARE = 0.1  # Of ten minutes: the first one. In the short run pools and caches need more.
WARM_SECONDS = max(25.0, SECONDS * WARM_SHARE)
MESSAGES = ["收到的饼干涨袋了", "怎么还没发货呀", "少了一包", "发票什么时候开", "能便宜点吗", "质量太差了要退货"]


def resident_kib(process_id: int) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise AssertionError("no RssAnon")


def test_memory_stays_flat_under_load(artifacts: Path, tmp_path: Path) -> None:
    """Anonymous memory, because the model's mapped pages and the store's cache belong to the kernel."""
    server = start(data=tmp_path, artifacts=artifacts)
    answered = 0

    def load(done: threading.Event) -> None:
        nonlocal answered
        random_ = random.Random(uuid4().int)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not done.is_set():
                message = random_.choice(MESSAGES) + str(random_.randrange(10**6))
                made = client.post("/v1/recommendations", json={"message": message})
                assert made.status_code == 200, made.text
                assert made.headers["shouhou-recorded"] == "true"
                if random_.random() < 0.05:
                    told = {
                        "recommendation_id": made.json()["id"],
                        "template_id": made.json()["replies"][0]["template_id"],
                    }
                    key = {"Idempotency-Key": uuid4().hex}
                    assert client.post("/v1/feedback", json=told, headers=key).status_code == 201
                answered += 1

    try:
        with running(load, threads=4):
            time.sleep(WARM_SECONDS)
            before = resident_kib(server.process.pid)
            time.sleep(SECONDS - WARM_SECONDS)
            after = resident_kib(server.process.pid)
    finally:
        server.stop()
    print(f"{answered} answers in {SECONDS:.0f} s; {before} KiB, then {after} KiB")
    assert after < before * 1.05
