"""Promotions: a crash at any point leaves exactly one current version, and a record that tells what happened."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from model import promotions, registry
from model.errors import InputError
from model.promotions import Decision, Promotion, history, promote, rollback

ME = Decision(by="me")
WATCHED = ("promotions.py", "registry.py", "pathlib.py", "tempfile.py")
SYSTEM = {"open", "read", "write", "flush", "fsync", "flock", "replace", "close", "__exit__"}


@pytest.fixture
def three(small_artifacts: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A folder with three versions, the first of them current."""
    folder = Path(shutil.copytree(small_artifacts, tmp_path / "artifacts"))
    first = registry.current_version(folder)
    assert first
    classifier, _ = registry.load(folder)
    held_out = registry.load_held_out(folder, first)
    return folder, [first, *(registry.save(classifier, held_out, folder).version for _ in range(2))]


def record(folder: Path) -> list[tuple[str, str, bool]]:
    return [(entry.action, entry.version, had_effect) for entry, had_effect in history(folder)]


def test_who_when_and_why_are_recorded(three: tuple[Path, list[str]]) -> None:
    folder, (first, second, _) = three
    promote(folder, second, Decision(by="小王", reason="新品上架\n第二行\u2028", refusals=["退步"]))
    (_, _), (entry, had_effect) = history(folder)
    assert had_effect
    assert entry == Promotion(
        by="小王",
        reason="新品上架\n第二行\u2028",
        refusals=["退步"],
        action="promote",
        version=second,
        before=first,
        at=entry.at,
    )
    assert entry.at.endswith("+00:00")


def test_rollback_goes_back_step_by_step(three: tuple[Path, list[str]]) -> None:
    folder, (first, second, third) = three
    promote(folder, second, ME)
    promote(folder, third, ME)
    assert rollback(folder, ME) == second
    assert rollback(folder, ME) == first == registry.current_version(folder)
    with pytest.raises(InputError, match="没有可退回的版本"):
        rollback(folder, ME)
    assert [action for action, _, _ in record(folder)] == ["first", "promote", "promote", "rollback", "rollback"]


def test_promoting_the_current_version_changes_nothing(three: tuple[Path, list[str]]) -> None:
    folder, (first, *_) = three
    before = (folder / promotions.LOG).read_bytes()
    promote(folder, first, ME)
    assert (folder / promotions.LOG).read_bytes() == before


def test_only_the_first_version_is_adopted(three: tuple[Path, list[str]]) -> None:
    folder, (first, second, _) = three
    assert not promotions.adopt_first(folder, second, ME)
    assert registry.current_version(folder) == first


def test_a_version_that_lost_its_rival_meanwhile_is_refused(three: tuple[Path, list[str]]) -> None:
    folder, (first, second, third) = three
    promote(folder, third, ME)
    with pytest.raises(InputError, match="刚有人启用了"):
        promote(folder, second, ME, instead_of=first)
    assert registry.current_version(folder) == third


@pytest.mark.parametrize("version", ["", "..", "no-such-version", "../artifacts"])
def test_an_unknown_version_is_told(three: tuple[Path, list[str]], version: str) -> None:
    folder, (first, *_) = three
    with pytest.raises(InputError, match="没有版本"):
        promote(folder, version, ME)
    assert registry.current_version(folder) == first


def test_a_broken_version_is_neither_promoted_nor_rolled_back_to(three: tuple[Path, list[str]]) -> None:
    folder, (first, second, _) = three
    promote(folder, second, ME)
    path = folder / first / registry.ARTIFACT
    path.write_bytes(path.read_bytes()[:-1])
    for attempt in (lambda: promote(folder, first, ME), lambda: rollback(folder, ME)):
        with pytest.raises(InputError, match="与清单的 SHA-256 不符"):
            attempt()
    assert registry.current_version(folder) == second


def test_a_full_disk_leaves_the_record_whole(three: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, (first, second, _) = three
    before = (folder / promotions.LOG).read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left on device"):
            promote(folder, second, ME)
    assert (folder / promotions.LOG).read_bytes() == before
    assert registry.current_version(folder) == first
    promote(folder, second, ME)
    assert record(folder)[1:] == [("promote", second, True)]


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Run the action in a process that is killed with -9 at its so-manieth step; whether it was.

    Before and after every call that reaches the system is a step: nothing else changes what a crash leaves.
    """
    child = os.fork()
    if child == 0:
        steps = 0

        def count(frame: FrameType, event: str, called: object) -> None:
            nonlocal steps
            watched = event in ("c_call", "c_return") and frame.f_code.co_filename.endswith(WATCHED)
            if watched and getattr(called, "__name__", "") in SYSTEM:
                steps += 1
                if steps == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        action()
        sys.setprofile(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_kill_9_at_every_step_of_a_promotion_and_a_rollback(
    three: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, (first, second, _) = three
    whole = (folder / promotions.LOG).read_bytes()
    # What is verified before the switch writes nothing; without it the steps are the few that matter.
    monkeypatch.setattr(promotions, "load", lambda *_: None)
    outcomes = set()
    for came_from, goes_to, action in (
        (first, second, lambda: promote(folder, second, ME)),
        (second, first, lambda: rollback(folder, ME)),
    ):
        step = 1
        while True:
            registry.set_current(folder, first)
            (folder / promotions.LOG).write_bytes(whole)
            if came_from == second:
                promote(folder, second, ME)
            was_killed = killed_at(step, action)
            current = registry.current_version(folder)
            assert current in (came_from, goes_to)
            entries = history(folder)
            *before, (last, had_effect) = entries
            assert all(effect for _, effect in before)
            written = last.version == goes_to and last.before == came_from
            assert had_effect == (not written or current == goes_to)
            assert written or current == came_from  # Nothing is switched that is not recorded.
            outcomes.add((last.action if written else "", current == goes_to))
            if not was_killed:
                break
            # The next one gets through, whatever the crash left.
            promote(folder, goes_to, ME)
            assert registry.current_version(folder) == goes_to
            assert record(folder)[-1][1:] == (goes_to, True)
            step += 1
        assert step > 20
        assert current == goes_to
    assert outcomes == {("", False), ("promote", False), ("promote", True), ("rollback", False), ("rollback", True)}


def test_a_half_line_of_a_crash_is_passed_over(three: tuple[Path, list[str]]) -> None:
    folder, (_, second, third) = three
    with (folder / promotions.LOG).open("ab") as log:
        log.write('{"by":"小'.encode()[:-1])
    promote(folder, second, ME)
    promote(folder, third, ME)
    assert record(folder)[1:] == [("promote", second, True), ("promote", third, True)]
    assert rollback(folder, ME) == second
