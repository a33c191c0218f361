"""Plain chat transcripts, in the forms that shops' chat programs write.

`昵称 (2026-11-01 10:23:11): 话`   千牛, 旺旺
`昵称 2026-11-01 10:23:11` and the words below   千牛, QQ
`2026-11-01 10:23:11 昵称` and the words below, or after a colon   微信, QQ, 京东咚咚
`买家：话`   typed by hand
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from model.chats.line import ChatLine, Role, read_time, role_of, role_words
from model.errors import InputError

HEADS_LOOKED_AT = 200  # Lines that decide which form a file has.
# A message of more lines than that is rejected as too long anyway; memory stays bounded.
MAX_JOINED_CHARS = 5_000

_TIME = r"(?P<time>\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?[ T]+\d{1,2}:\d{2}(?::\d{2})?)"
_ROLE_WORD = "|".join(sorted(chain.from_iterable(map(role_words, Role)), key=len, reverse=True))
# A head says who speaks and perhaps when; `text` is what the same line says after it.
_FORMS = (
    re.compile(rf"(?P<speaker>\S.{{0,59}}?)\s*[(（\[【]\s*{_TIME}\s*[)）\]】]\s*[:：]?\s*(?P<text>.*)"),
    re.compile(rf"[(（\[【]?\s*{_TIME}\s*[)）\]】]?\s+(?P<speaker>\S.{{0,59}}?)(?:(?:：|:\s)\s*(?P<text>.*))?"),
    re.compile(rf"(?P<speaker>\S.{{0,59}}?)\s+{_TIME}\s*[:：]?\s*(?P<text>.*)"),
    re.compile(
        rf"(?P<speaker>(?:{_ROLE_WORD})(?:[(（][^)）]{{1,30}}[)）]|[^\s:：,，。]{{0,10}})?)\s*[:：]\s*(?P<text>.*)",
        re.IGNORECASE,
    ),
)
_SEPARATOR = re.compile(r"[\s\-=_*#~—－·\d年月日/:：]*")


class _Head(NamedTuple):
    speaker: str
    time: str | None
    text: str


def read_transcript(path: Path, encoding: str) -> Iterator[ChatLine]:
    """The messages of a transcript; lines below a head belong to its message. A buyer's nickname is the conversation.

    Raises:
        InputError: no line of it looks like a chat in a known form.
    """
    with path.open(encoding=encoding, newline=None) as file:
        numbered = enumerate(file, 1)
        first = list(islice(numbered, HEADS_LOOKED_AT))
        read_head = _head_reader([line for _, line in first])
        if read_head is None:
            raise InputError(
                "没有认出一行聊天",
                remedy="每条写成 `昵称 (2026-11-01 10:23:11): 话`，或 `买家：话`、`客服：话`",
                path=path,
                line=1,
            )
        yield from _messages(chain(first, numbered), read_head)


def _head_reader(lines: list[str]) -> Callable[[str], _Head | None] | None:
    """Reads heads of the form that most of these lines have; None when none has any."""
    best = max(_FORMS, key=lambda form: sum(form.fullmatch(line.strip()) is not None for line in lines))

    def read(line: str) -> _Head | None:
        if not (match := best.fullmatch(line)):
            return None
        found = match.groupdict()
        return _Head(found["speaker"].strip(), found.get("time"), found["text"] or "")

    return read if any(read(line.strip()) for line in lines) else None


def _messages(numbered: Iterable[tuple[int, str]], read_head: Callable[[str], _Head | None]) -> Iterator[ChatLine]:
    head: _Head | None = None
    row = 0
    said: list[str] = []
    buyer: str | None = None
    for number, raw in numbered:
        line = raw.strip("\ufeff \t\r\n")
        following = read_head(line)
        if following is not None:
            if head is not None:
                yield _chat_line(row, head, said, buyer)
            head, row, said = following, number, [following.text] if following.text else []
            if role_of(head.speaker) in {None, Role.buyer}:
                buyer = head.speaker
        elif _SEPARATOR.fullmatch(line):
            continue
        elif head is None:
            yield ChatLine(number, problem="看不出是谁说的")
        elif sum(map(len, said)) < MAX_JOINED_CHARS:
            said.append(line[:MAX_JOINED_CHARS])
    if head is not None:
        yield _chat_line(row, head, said, buyer)


def _chat_line(row: int, head: _Head, said: list[str], buyer: str | None) -> ChatLine:
    return ChatLine(row, "\n".join(said), head.speaker, read_time(head.time), buyer)
