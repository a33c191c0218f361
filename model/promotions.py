"""Which version is in use, and how it came to be: promote, roll back, and the record of both.

The truth is the file `current`, replaced in one step. `promotions.jsonl` beside it is only appended to, and before
the switch: a crash between them leaves an entry that had no effect, and `history` tells it from the others.
"""

from __future__ import annotations

import fcntl
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from model.errors import InputError
from model.registry import MANIFEST, current_version, load, set_current

LOG = "promotions.jsonl"
LOCK = ".promotions"


class Decision(BaseModel):
    """Who lets a version be used, and why.

    Attributes:
        by: who decides.
        reason: why, in the decider's words; "" where the comparison said enough.
        refusals: what the comparison had against it; not empty only where it was overridden.
    """

    model_config = ConfigDict(frozen=True)

    by: str
    reason: str = ""
    refusals: list[str] = []


class Promotion(Decision):
    """One line of the record.

    Attributes:
        version: the version that was to be used from then on; before: the one in use until then.
        at: RFC 3339, UTC.
    """

    action: Literal["first", "promote", "rollback"]
    version: str
    before: str | None
    at: str


def login_name() -> str:
    """Who runs this process, as the machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user without a name.
        return str(os.getuid())


def adopt_first(artifacts: Path, version: str, decision: Decision) -> bool:
    """Make a version current where none is; whether it was."""
    with _one_at_a_time(artifacts):
        if current_version(artifacts) is not None:
            return False
        _switch(artifacts, "first", version, None, decision)
    return True


def promote(artifacts: Path, version: str, decision: Decision, *, instead_of: str | None = None) -> None:
    """Verify a version by loading it, then make it current. Nothing happens when it is already.

    Args:
        artifacts: folder of the versions.
        version: the one to be used.
        decision: who lets it, and why.
        instead_of: the version that must be in use now, being the one it was compared with; None where any may be.

    Raises:
        InputError: there is no such version, it is broken, or another was promoted meanwhile; nothing has changed.
    """
    require(artifacts, version)
    load(artifacts, version)
    with _one_at_a_time(artifacts):
        before = current_version(artifacts)
        if before == version:
            return
        if instead_of is not None and before != instead_of:
            raise InputError(f"刚有人启用了 {before}", remedy="请与它对照，再启用")
        _switch(artifacts, "promote", version, before, decision)


def rollback(artifacts: Path, decision: Decision) -> str:
    """Make the version current that the one in use was promoted in place of; that version. Again: one further back.

    Raises:
        InputError: there is none, or it is broken; nothing has changed.
    """
    current = current_version(artifacts)
    came_by = [
        e for e, had_effect in history(artifacts) if had_effect and e.version == current and e.action == "promote"
    ]
    if not came_by or (target := came_by[-1].before) is None:
        raise InputError("没有可退回的版本", remedy="请用 shouhou models promote 启用一个", path=artifacts)
    require(artifacts, target)
    load(artifacts, target)
    with _one_at_a_time(artifacts):
        if current_version(artifacts) != current:
            raise InputError("刚有人启用了另一个版本", remedy="版本见 shouhou models list")
        _switch(artifacts, "rollback", target, current, decision)
    return target


def require(artifacts: Path, version: str) -> None:
    """See that there is such a version.

    Raises:
        InputError: there is not.
    """
    if Path(version).name != version or not (artifacts / version / MANIFEST).is_file():
        raise InputError(f"没有版本 {version!r}", remedy="版本见 shouhou models list", path=artifacts)


def history(artifacts: Path) -> list[tuple[Promotion, bool]]:
    """The record, oldest first; each entry with whether it took effect."""
    entries = _entries(artifacts)
    if not entries:
        return []
    in_use_next = [*(entry.before for entry in entries[1:]), current_version(artifacts)]
    return [(entry, entry.version == then) for entry, then in zip(entries, in_use_next, strict=True)]


@contextmanager
def _one_at_a_time(artifacts: Path) -> Iterator[None]:
    """One promotion at a time, over all processes; the lock ends with its holder."""
    with (artifacts / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _switch(
    artifacts: Path,
    action: Literal["first", "promote", "rollback"],
    version: str,
    before: str | None,
    decision: Decision,
) -> None:
    entry = Promotion(
        **dict(decision),
        action=action,
        version=version,
        before=before,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _append(artifacts / LOG, entry.model_dump_json())
    set_current(artifacts, version)


def _append(path: Path, line: str) -> None:
    """Append a line and make it durable, or leave the file as it was. A half line of a crash is closed first.

    Raises:
        InputError: the file cannot be written or the disk is full.
    """
    try:
        with path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            torn = False
            if size:
                file.seek(size - 1)
                torn = file.read(1) != b"\n"
            raw = b"\n" * torn + line.encode() + b"\n"
            try:
                if file.write(raw) != len(raw):
                    raise OSError(28, "No space left on device")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
    except OSError as error:
        raise InputError(f"写不了（{error.strerror}）", remedy="检查空间和权限", path=path) from error


def _entries(artifacts: Path) -> list[Promotion]:
    try:
        lines = (artifacts / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Promotion.model_validate_json(line))
        except ValidationError:
            continue  # A line that a crash cut short: what it was to record did not happen.
    return found
