"""The whole OpenAPI by schemathesis with every check, and bodies that nobody meant."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from api.settings import Settings
from api.store.database import open_store
from api.store.keys import Scope, create_key
from tests.processes import serving

EXAMPLES = 420  # An operation; with the coverage phase more than 2,000 cases in all.
FUZZED = 10_000


def test_the_contract_holds(artifacts: Path, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, no refused good request, no accepted bad one, over HTTP."""
    _, token = create_key(open_store(Settings(data=tmp_path / "data")), "contract", list(Scope))
    key = f"Authorization: Bearer {token}"
    with serving(data=tmp_path / "data", artifacts=artifacts, SHOUHOU_RATE_LIMIT="1000000/second") as url:
        command = [Path(sys.executable).parent / "schemathesis", "run", f"{url}/openapi.json", "--checks", "all"]
        options = ["--max-examples", str(EXAMPLES), "--seed", "6", "-H", key, "--no-color", "--continue-on-failure"]
        done = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=900, cwd=tmp_path, check=False
        )
    assert done.returncode == 0, done.stdout[-8000:]
    cases = re.search(r"(\d+) generated", done.stdout)
    assert cases, done.stdout[-2000:]
    assert int(cases[1]) >= 2_000


def fuzzed(random_: random.Random) -> bytes:
    """A body between good and garbage."""
    good: dict[str, Any] = {
        "message": "老板收到的饼干有两袋涨袋了还能吃吗",
        "history": [{"role": "buyer", "text": "在吗"}],
        "context": {"platform": "tmall", "package_count": 2, "signed_at": "2026-11-20T10:00:00+08:00"},
        "top_k": 3,
    }
    odd = [None, True, -1, 0, 1e308, 2**70, "", "\0", "\ud800", "漏" * 3000, [], {}, [[]], {"a": {}}, "NaN", "9" * 400]
    body: Any = good
    for _ in range(random_.randint(0, 3)):
        target = random_.choice([good, good["context"], good["history"][0]] if good["history"] else [good])
        key = random_.choice([*target, "x", "\ud800", ""])
        target[key] = random_.choice(odd)
        if not isinstance(good.get("context"), dict) or not isinstance(good.get("history"), list):
            break
        if good["history"] and not isinstance(good["history"][0], dict):
            break
    raw = bytearray(json.dumps(body).encode())
    kind = random_.random()
    if kind < 0.4:
        for _ in range(random_.randint(1, 8)):
            raw[random_.randrange(len(raw))] = random_.randrange(256)
    elif kind < 0.5:
        del raw[random_.randrange(len(raw)) :]
    elif kind < 0.55:
        raw = bytearray(random_.randbytes(random_.randint(0, 200)))
    elif kind < 0.58:
        raw = bytearray(b"[" * random_.randint(1, 20_000))
    return bytes(raw)


def test_fuzzed_bodies(client: TestClient) -> None:
    """Answered or refused, never an error of ours."""
    random_ = random.Random(6)
    paths = ["/v1/recommendations", "/v1/recommendations", "/v1/recommendations/batch", "/v1/feedback"]
    headers = {"content-type": "application/json", "idempotency-key": "fuzz"}
    statuses: dict[int, int] = {}
    for _ in range(FUZZED):
        raw = fuzzed(random_)
        status = client.post(random_.choice(paths), content=raw, headers=headers).status_code
        assert status in (200, 201, 409, 413, 422), (status, raw[:300])
        statuses[status] = statuses.get(status, 0) + 1
    assert statuses[200] > 500
