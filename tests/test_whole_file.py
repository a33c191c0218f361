"""Files written aside: complete or absent, and nothing left beside them."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import InputError
from model.whole_file import PRIVATE, whole_file, written_aside

KILLED = """
import os, signal, sys
from pathlib import Path
from model.whole_file import written_aside
with written_aside(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_new_takes_the_place_of_the_old(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    with written_aside(target, PRIVATE) as aside:
        aside.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == PRIVATE
    assert names(tmp_path) == ["a.csv"]


def test_an_error_leaves_the_old(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")

    def broken_off() -> None:
        with whole_file(target) as aside:
            aside.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert (target.read_text(), names(tmp_path)) == ("old", ["a.csv"])
    with pytest.raises(InputError, match=r"b\.csv: 写不了"), whole_file(tmp_path / "none" / "b.csv"):
        pass


def test_what_a_killed_run_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "a[1].csv"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with whole_file(tmp_path / "a.csv") as other:
        other.write_text("whole")
    assert left.exists(), "another file's"
    with whole_file(target) as aside:
        assert not left.exists()
        aside.write_text("whole")
    assert names(tmp_path) == ["a.csv", "a[1].csv"]


def test_a_run_that_still_writes_keeps_its_own(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    with whole_file(target) as first:
        first.write_text("first")
        with whole_file(target) as second:
            second.write_text("second")
        assert target.read_text() == "second"
    assert (target.read_text(), names(tmp_path)) == ("first", ["a.csv"])
