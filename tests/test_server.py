"""The real server as a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.processes import free_port, serving


def test_the_server_answers_a_buyer(artifacts: Path, tmp_path: Path) -> None:
    with serving(data=tmp_path, artifacts=artifacts) as url:
        context = {"product_line": "biscuit", "package_count": 1, "returning_customer": False}
        body = {"message": "老板收到你家饼干涨袋了", "context": context}
        answer = httpx.post(f"{url}/v1/recommendations", json=body)
        assert answer.status_code == 200
        assert answer.json()["issue"]["code"] == "bulging"
        assert answer.json()["compensation"]["min"] == answer.json()["compensation"]["max"] == "3.00"


def test_two_workers_answer(artifacts: Path, tmp_path: Path) -> None:
    with serving("--workers", "2", data=tmp_path, artifacts=artifacts) as url:
        for _ in range(20):
            assert httpx.post(f"{url}/v1/recommendations", json={"message": "少了一包"}).status_code == 200


def test_a_port_in_use_is_one_line(artifacts: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "model.cli", "serve", "--port", str(port)],
            env={**os.environ, "SHOUHOU_ARTIFACTS": str(artifacts), "SHOUHOU_DATA": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("错误：") and str(port) in line]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_broken_artifact_is_one_line(artifacts: Path, tmp_path: Path, workers: str) -> None:
    version = (artifacts / "current").read_text().strip()
    (tmp_path / version).mkdir()
    (tmp_path / "current").write_text(version)
    (tmp_path / version / "manifest.json").write_bytes((artifacts / version / "manifest.json").read_bytes())
    (tmp_path / version / "model.joblib").write_bytes(b"cut short")
    done = subprocess.run(
        [sys.executable, "-m", "model.cli", "serve", "--port", str(free_port()), "--workers", workers],
        env={**os.environ, "SHOUHOU_ARTIFACTS": str(tmp_path), "SHOUHOU_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "运行 shouhou train" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_shops_broken_playbook_is_one_line(artifacts: Path, tmp_path: Path, workers: str) -> None:
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "remedies.yaml").write_text("- id: [")
    places = {"SHOUHOU_PLAYBOOK_DIR": str(tmp_path / "playbook"), "SHOUHOU_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "model.cli", "serve", "--port", str(free_port()), "--workers", workers],
        env={**os.environ, "SHOUHOU_ARTIFACTS": str(artifacts), **places},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("错误：") and "remedies.yaml" in line]
    assert "Traceback" not in done.stderr
