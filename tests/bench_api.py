"""`make bench-api`: the service against a constant FastAPI route, by wrk; writes BENCHMARKS.md's API part.

The machine may be busy with other things, so the rivals are all up at once and take short turns: a ratio is of
neighbours in time, and what is told is the median over the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from statistics import median

import httpx2 as httpx

from model.paths import ROOT
from tests.buyer_requests import buyer_requests
from tests.constant_route import ANSWER_FILE
from tests.processes import READY_SECONDS, Serving, free_port, start

ROUNDS = 9
SECONDS = 3
CONNECTIONS = 32
REQUESTS_A_ROUND = 20_000  # New ones in every round: nothing is answered out of a cache that the last round filled.
SAMPLED_ANSWERS = 201
# Name in the table -> SHOUHOU_RECORD, workers.
RIVALS = {
    "售后参谋，1 个进程，不记录": ("off", 1),
    "售后参谋，1 个进程，记录": ("on", 1),
    "售后参谋，2 个进程，不记录": ("off", 2),
    "售后参谋，2 个进程，记录": ("on", 2),
}
CONSTANT, SILENT, RECORDING = "返回常量的 FastAPI 路由，1 个进程", *list(RIVALS)[:2]
BEGIN, END = "<!-- API begin -->", "<!-- API end -->"
# `delay` makes every connection wait 0 to twice the pause before each request: requests come at random times.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local requests, sent, pause = {}, 0, 0
function init(args)
  pause = tonumber(args[2])
  for body in io.lines(args[1]) do requests[#requests + 1] = wrk.format(nil, nil, nil, body) end
end
function request()
  sent = sent % #requests + 1
  return requests[sent]
end
function delay() return math.random(0, 2 * pause) end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status + errors.connect + errors.read + errors.timeout))
end
"""


@dataclass(frozen=True)
class Measured:
    """One run of wrk; p50 and p99 in milliseconds, `cpu` the server's microseconds of processor time a request."""

    per_second: float
    p50: float
    p99: float
    cpu: float


class Load:
    """wrk with its script and the requests of the round."""

    def __init__(self, folder: Path) -> None:
        self._script, self._bodies = folder / "post.lua", folder / "bodies.jsonl"
        self._script.write_text(SCRIPT)
        self._requests = buyer_requests()

    def next_round(self) -> list[bytes]:
        """New requests for all rivals."""
        bodies = [json.dumps(body, ensure_ascii=False).encode() for body in islice(self._requests, REQUESTS_A_ROUND)]
        self._bodies.write_bytes(b"\n".join(bodies))
        return bodies

    def run(self, server: Serving, pause_ms: int = 0) -> Measured:
        """Load the route for a turn: as fast as it answers, or with pauses."""
        # Without pauses `delay` must not be there: wrk would wait for the next tick of its clock.
        script = self._script if pause_ms else self._without_delay()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "30s", "-s", str(script)]
        command += [f"{server.url}/v1/recommendations", "--", str(self._bodies), str(pause_ms)]
        before = cpu_seconds(server.process.pid)
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", out)
        assert found, out
        count, micros, p50, p99, errors = (float(part) for part in found.groups())
        assert errors == 0, out
        spent = cpu_seconds(server.process.pid) - before
        return Measured(count / micros * 1e6, p50 / 1000, p99 / 1000, spent / count * 1e6)

    def _without_delay(self) -> Path:
        path = self._script.with_name("post_at_once.lua")
        path.write_text("\n".join(line for line in SCRIPT.splitlines() if not line.startswith("function delay")))
        return path


def cpu_seconds(process_id: int) -> float:
    """Processor time of a process and its children so far."""
    numbers = [process_id, *Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]
    ticks = 0
    for number in numbers:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def constant(answer: bytes, folder: Path) -> Iterator[Serving]:
    """The constant route, served by the same uvicorn with the same settings."""
    file = folder / "answer.json"
    file.write_bytes(answer)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.constant_route:create_app", "--factory", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--no-access-log", "--log-level", "warning"], env={**os.environ, ANSWER_FILE: str(file)}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        give_up = time.monotonic() + READY_SECONDS
        while True:
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                assert time.monotonic() < give_up, "the constant route did not start"
                time.sleep(0.1)
        yield Serving(url, process)
    finally:
        process.terminate()
        process.wait()


def usual_answer(url: str, bodies: Sequence[bytes]) -> bytes:
    """Of some answers of the service the one of median length."""
    headers = {"Content-Type": "application/json"}
    with httpx.Client(headers=headers) as client:
        answers = [client.post(f"{url}/v1/recommendations", content=body).content for body in bodies]
    return sorted(answers, key=len)[len(answers) // 2]


def measure() -> str:
    """All rounds, as the Markdown that goes into BENCHMARKS.md."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load = Load(folder)
        bodies = load.next_round()
        servers = {}
        for name, (record, workers) in RIVALS.items():
            data = folder / f"{record}{workers}"
            servers[name] = start("--workers", str(workers), data=data, SHOUHOU_RECORD=record)
            stack.callback(servers[name].stop)
        answer = usual_answer(servers[SILENT].url, bodies[:SAMPLED_ANSWERS])
        servers = {CONSTANT: stack.enter_context(constant(answer, folder)), **servers}
        for server in servers.values():
            load.run(server)  # Warms up.
        rounds = []
        for number in range(ROUNDS):
            load.next_round()
            rounds.append({name: load.run(server) for name, server in servers.items()})
            print(number + 1, {name: round(run.per_second) for name, run in rounds[-1].items()}, file=sys.stderr)
        fastest = median(run[RECORDING].per_second for run in rounds)
        pause = round(1000 * 2 * CONNECTIONS / fastest)
        at_half = []
        for _ in range(ROUNDS):
            load.next_round()
            at_half.append(load.run(servers[RECORDING], pause))
    return as_markdown(rounds, at_half)


def as_markdown(rounds: Sequence[dict[str, Measured]], at_half: Sequence[Measured]) -> str:
    """The table: medians over the rounds; ratios are taken round by round."""
    lines = [
        "| | 请求/秒 | 与常量路由之比 | CPU 微秒/请求 | 按 CPU 之比 | p50 毫秒 | p99 毫秒 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in rounds[0]:
        runs = [run[name] for run in rounds]
        ratio = median(run[name].per_second / run[CONSTANT].per_second for run in rounds)
        by_cpu = median(run[CONSTANT].cpu / run[name].cpu for run in rounds)
        lines.append(_line(name, runs, f"{ratio:.2f}", f"{by_cpu:.2f}"))
    lines.append(_line(f"{RECORDING}，半载", at_half, "", ""))
    loss = median(1 - run[RECORDING].per_second / run[SILENT].per_second for run in rounds)
    spread = median(run.p99 / run.p50 for run in at_half)
    lines += ["", f"记录的代价：吞吐少 **{loss:.0%}**（1 个进程）。半载时 p99 是 p50 的 **{spread:.1f} 倍**。"]
    return "\n".join(lines)


def _line(name: str, runs: Sequence[Measured], ratio: str, by_cpu: str) -> str:
    per_second, cpu, p50, p99 = (median(getattr(run, of) for run in runs) for of in ("per_second", "cpu", "p50", "p99"))
    return f"| {name} | {per_second:,.0f} | {ratio} | {cpu:.0f} | {by_cpu} | {p50:.2f} | {p99:.2f} |"


def write(part: str, path: Path = ROOT / "BENCHMARKS.md") -> None:
    """Put the part between its marks; what follows them (the profile) is written by hand."""
    text = path.read_text(encoding="utf-8")
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    intro = (
        f"`make bench-api`（{date.today()}，{platform.machine()} {os.cpu_count()} 核，机器负载 {busy}）："
        f"wrk，{CONNECTIONS} 个连接，{ROUNDS} 轮，每轮各家轮流 {SECONDS} 秒，每轮都是新的请求"
        "（训练消息拼成的对话，带订单信息，tests/buyer_requests.py）；比值逐轮计算，表中是各轮的中位数。"
    )
    block = f"{BEGIN}\n{intro}\n\n{part}\n{END}"
    path.write_text(text[: text.index(BEGIN)] + block + text[text.index(END) + len(END) :], encoding="utf-8")


if __name__ == "__main__":
    part = measure()
    print(part)
    write(part)
