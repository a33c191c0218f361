"""`make bench-api`: the service against a constant FastAPI route, by wrk; writes BENCHMARKS.md's API part."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from model.paths import ROOT
from tests.constant_route import ANSWER_FILE
from tests.processes import free_port, serving

CONNECTIONS = 32
SECONDS = 10
BODY = {
    "message": "老板收到的饼干有两袋涨袋了还能吃吗",
    "history": [{"role": "buyer", "text": "在吗"}, {"role": "agent", "text": "您好亲"}],
    "context": {"platform": "tmall", "shop_type": "mall", "product_line": "biscuit", "package_count": 2},
    "top_k": 3,
}
BEGIN, END = "<!-- API begin -->", "<!-- API end -->"


@dataclass(frozen=True)
class Measured:
    """One run of wrk; times in milliseconds."""

    per_second: float
    p50: float
    p99: float


def wrk(url: str, script: Path, pause_ms: int = 0) -> Measured:
    """Load the route; with a pause each connection waits 0 to twice as long before every request."""
    pause = f"function delay() return math.random(0, {2 * pause_ms}) end\n" if pause_ms else ""
    head = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
    body = json.dumps(json.dumps(BODY))
    report = (
        "function done(summary, latency, requests)\n"
        '  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration, '
        "latency:percentile(50), latency:percentile(99), "
        "summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))\n"
        "end\n"
    )
    script.write_text(head + f"wrk.body = {body}\n" + pause + report)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), f"{url}/v1/recommendations"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", out)
    assert found, out
    count, micros, p50, p99, errors = (float(part) for part in found.groups())
    assert errors == 0, out
    return Measured(count / micros * 1e6, p50 / 1000, p99 / 1000)


@contextmanager
def constant(answer: dict[str, object], folder: Path) -> Iterator[str]:
    """The constant route, served by the same uvicorn with the same settings."""
    file = folder / "answer.json"
    file.write_text(json.dumps(answer), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.constant_route:create_app", "--factory", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--no-access-log", "--log-level", "warning"], env={**os.environ, ANSWER_FILE: str(file)}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def measure() -> str:
    """All runs, as the Markdown that goes into BENCHMARKS.md."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "post.lua"
        runs = [("off", 1), ("on", 1), ("off", 2), ("on", 2)]
        results: dict[tuple[str, int], Measured] = {}
        with serving(data=folder / "first") as url:
            answer = httpx.post(f"{url}/v1/recommendations", json=BODY).json()
        with constant(answer, folder) as url:
            wrk(url, script)
            base = wrk(url, script)
        for record, workers in runs:
            data = folder / f"{record}{workers}"
            with serving("--workers", str(workers), data=data, SHOUHOU_RECORD=record) as url:
                wrk(url, script)
                results[record, workers] = wrk(url, script)
                if (record, workers) == ("on", 1):
                    pause = round(1000 * 2 * CONNECTIONS / results["on", 1].per_second)
                    half = wrk(url, script, pause)
    rows.append("| what | requests/s | of the constant route | p50 ms | p99 ms |")
    rows.append("| --- | ---: | ---: | ---: | ---: |")
    named = [("FastAPI route returning a constant, 1 worker", base)]
    named += [
        (f"shouhou, {workers} worker{'s' * (workers > 1)}, recording {record}", results[record, workers])
        for record, workers in runs
    ]
    named.append(("shouhou, 1 worker, recording on, half load", half))
    for what, run in named:
        ratio = run.per_second / base.per_second
        rows.append(f"| {what} | {run.per_second:,.0f} | {ratio:.2f} | {run.p50:.2f} | {run.p99:.2f} |")
    loss = 1 - results["on", 1].per_second / results["off", 1].per_second
    rows.append("")
    rows.append(f"Recording costs {loss:.0%} with one worker. p99 at half load is {half.p99 / half.p50:.1f} times p50.")
    return "\n".join(rows)


def write(part: str, path: Path = ROOT / "BENCHMARKS.md") -> None:
    """Put the part between its marks, which stand at the end at first."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    intro = (
        f"## API\n\n`make bench-api`: wrk, {CONNECTIONS} connections, {SECONDS} s after a warm-up as long, one run,"
        f" all on the same {os.cpu_count()} cores (wrk takes a good part of one).\n\n"
    )
    block = f"{BEGIN}\n{intro}{part}\n{END}"
    if BEGIN in text:
        text = text[: text.index(BEGIN)] + block + text[text.index(END) + len(END) :]
    else:
        text = f"{text.rstrip()}\n\n{block}\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    part = measure()
    print(part)
    write(part)
