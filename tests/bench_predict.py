"""`make bench-predict`: predict on big files, here and on a Dask cluster; writes a section of BENCHMARKS.md.

Messages are drawn from the training data. Processor seconds are what counts on a machine that does other things too;
the runs of a round follow each other, and medians are taken over rounds.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from model.dataset import load_messages
from model.paths import ROOT, TRAINING_DATA
from model.taxonomy import load_taxonomy
from tests.dask_cluster import DaskCluster

BEGIN, END = "<!-- predict begin -->", "<!-- predict end -->"
BLOCK = 100_000
SCHEMA = pa.schema([("id", pa.string()), ("shop", pa.string()), ("text", pa.string())])
BILLION = 1_000_000_000


@dataclass(frozen=True)
class Run:
    """One run of the command: wall seconds, its own and the workers' processor seconds, its peak in MB."""

    seconds: float
    client: float
    workers: float
    peak: float


def generate(path: Path, rows: int) -> Path:
    """A file of `rows` messages."""
    dice = random.Random(0)
    texts = [message.text for message in load_messages(TRAINING_DATA, load_taxonomy())]
    with (pyarrow.csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter)(path, SCHEMA) as writer:
        for start in range(0, rows, BLOCK):
            n = min(BLOCK, rows - start)
            columns = [[f"{start + i:012}" for i in range(n)], ["0571"] * n, dice.choices(texts, k=n)]
            writer.write_table(pa.table(columns, SCHEMA))
    return path


def predict(source: Path, target: Path, cluster: DaskCluster | None = None) -> Run:
    """Run the command as a user does."""
    place = ["--scheduler", cluster.address] if cluster else []
    workers = [psutil.Process(worker.pid) for worker in cluster.workers] if cluster else []
    before = sum(sum(worker.cpu_times()[:2]) for worker in workers)
    start = time.monotonic()
    command = [sys.executable, "-m", "model.cli", "predict", "--input", str(source), "--output", str(target)]
    process = subprocess.Popen([*command, *place], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    after = sum(sum(worker.cpu_times()[:2]) for worker in workers)
    client = usage.ru_utime + usage.ru_stime
    return Run(time.monotonic() - start, client, after - before, usage.ru_maxrss / 1024)


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[DaskCluster | None]:
    """A cluster of so many workers, None of none."""
    if not workers:
        yield None
        return
    folder.mkdir()
    cluster = DaskCluster(folder)
    try:
        cluster.add_workers(workers)
        yield cluster
    finally:
        cluster.stop()


def throughput(folder: Path, rows: int, rounds: int) -> str:
    """Here, with one and with two workers, and what follows for a billion messages."""
    source = generate(folder / "in.parquet", rows)
    few = generate(folder / "few.parquet", 1000)
    places = {0: "本机一个进程", 1: "Dask，1 个 worker", 2: "Dask，2 个 worker"}
    runs: dict[int, list[Run]] = {workers: [] for workers in places}
    fixed: dict[int, list[Run]] = {workers: [] for workers in places}
    outputs = set()
    for number in range(rounds):
        for workers in places:
            with dask(folder / f"dask-{number}-{workers}", workers) as cluster:
                fixed[workers].append(predict(few, folder / "few-out.parquet", cluster))  # Loads the model, too.
                runs[workers].append(predict(source, folder / "out.parquet", cluster))
                outputs.add((folder / "out.parquet").read_bytes())
    assert len(outputs) == 1, "the results differ"

    def per_row(workers: int, name: str) -> float:
        """Microseconds a row, without what starting costs."""
        whole, start = (statistics.median(getattr(run, name) for run in some[workers]) for some in (runs, fixed))
        return float(max(whole - start, 0.0) / (rows - 1000) * 1e6)

    lines = [
        "| 在哪里 | 条/秒（含启动） | 命令自己 µs/条（CPU） | 各 worker 合计 µs/条（CPU） | 命令内存峰值 MB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for workers, name in places.items():
        peak = max(run.peak for run in runs[workers])
        seconds = statistics.median(run.seconds for run in runs[workers])
        lines.append(
            f"| {name} | {rows / seconds:,.0f} | {per_row(workers, 'client'):.1f} "
            f"| {per_row(workers, 'workers'):.1f} | {peak:.0f} |"
        )
    one, client = per_row(1, "workers"), max(per_row(1, "client"), per_row(2, "client"))
    lines += [
        "",
        f"{rows:,} 条，parquet，{rounds} 轮交替的中位数，CPU 时间已减去启动开销；各次输出逐字节相同。",
        "",
        "**十亿条**（按 CPU 时间推算，每个 worker 独占一核；读写文件的命令是上限）：",
        "",
        "| worker 数 | 小时 |",
        "| ---: | ---: |",
    ]
    for workers in (1, 2, 4, 8, 16, 32):
        seconds = max(one / workers, client) * BILLION / 1e6
        lines.append(f"| {workers} | {seconds / 3600:.1f} |")
    lines += ["", f"约 {one / client:.0f} 个 worker 时命令本身成为瓶颈；再快就把文件分成几份，各跑一条命令。"]
    return "\n".join(lines)


def memory(folder: Path, rows: int) -> str:
    """Peak memory on a file that is much bigger."""
    lines = ["| 文件 | 条数 | 文件 MB | 内存峰值 MB | CPU 秒 |", "| --- | ---: | ---: | ---: | ---: |"]
    for suffix in (".parquet", ".csv"):
        source = generate(folder / f"big{suffix}", rows)
        size = source.stat().st_size / 1e6
        target = folder / f"big-out{suffix}"
        run = predict(source, target)
        lines.append(f"| {suffix[1:]} | {rows:,} | {size:,.0f} | **{run.peak:.0f}** | {run.client:.0f} |")
        source.unlink()
        target.unlink()
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="for the files, some 3 GB; by default the system's")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bigdata-", dir=arguments.folder) as name:
        parts = [
            "## 大文件",
            f"`make bench-predict`，{datetime.now(UTC):%Y-%m-%d}，{os.cpu_count()} 核。",
            "### 吞吐",
            throughput(Path(name), arguments.rows, arguments.rounds),
        ]
        if arguments.memory_rows:
            parts += ["### 内存（本机一个进程）", memory(Path(name), arguments.memory_rows)]
    write("\n\n".join(parts))


def write(part: str, path: Path = ROOT / "BENCHMARKS.md") -> None:
    """Put the part between its marks, which stand at the end at first."""
    print(part)
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{part}\n{END}\n{after.lstrip()}", encoding="utf-8")


if __name__ == "__main__":
    main()
