"""`cues.yaml`: the words by which facts of the case, and moves of the conversation, are recognised."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from model.playbook.conditions import Scalar
from model.playbook.needed_characters import Needs, needed_characters

# In a cue, {N} stands for a number, {U} for a unit that packs and pieces are counted in.
_ONE = "[一二两俩三四五六七八九]"
NUMBER = rf"(?:\d+(?:\.\d+)?|{_ONE}百(?:零?{_ONE})?十?{_ONE}?|{_ONE}?十{_ONE}?|{_ONE})(?!{_ONE}|[几多])"
UNIT = r"(?:袋|包|盒|件|个|箱|瓶|罐|双|条|套|只|支|桶|台|本|把|提|份)"
_NUMBER_GROUP = f" ?(?P<number>{NUMBER}) ?"
_UNIT_GROUP = f"(?P<unit>{UNIT})"


class Cue(BaseModel):
    """A value of a fact and the ways to say it: regular expressions on the normalised message.

    Attributes:
        value: the fact's value; left out where the number or the text itself is the value.
        says: regular expressions. `{N}` is a number, `{U}` a unit, `(?P<value>…)` a text that is the value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Scalar | None = None
    says: tuple[str, ...] = Field(min_length=1)

    @field_validator("says", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("says")
    @classmethod
    def _compile(cls, says: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in says:
            try:
                compiled = re.compile(_with_groups(pattern))
            except re.error as error:
                raise ValueError(f"不是正则表达式：{pattern}（{error}）") from error
            if compiled.match(""):
                raise ValueError(f"空的话也会匹配：{pattern}")
        return says

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The ways to say it, with groups `number`, `unit` and `value`."""
        return tuple(re.compile(_with_groups(pattern)) for pattern in self.says)


class FactCues(BaseModel):
    """All cues of one fact. `kind`: what a number or text is read as."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fact: str
    kind: Literal["value", "count", "money", "text"] = "value"
    cues: tuple[Cue, ...] = Field(min_length=1)

    @cached_property
    def scan(self) -> re.Pattern[str]:
        """Any of the cues, without groups: one quick pass tells whether the fact is there."""
        return re.compile(self._any_cue)

    @cached_property
    def needs(self) -> Needs:
        """Sets of characters, of each of which a message that tells the fact holds at least one."""
        return needed_characters(self._any_cue)

    @property
    def _any_cue(self) -> str:
        return "|".join(_without_groups(pattern) for cue in self.cues for pattern in cue.says)


class Moves(BaseModel):
    """Moves of the conversation: what the agent did, what the buyer answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo_asked: tuple[str, ...]
    question_asked: tuple[str, ...]
    check_promised: tuple[str, ...]
    handed_over: tuple[str, ...]
    offered: tuple[str, ...]
    accepts: tuple[str, ...]
    refuses: tuple[str, ...]
    hello: tuple[str, ...]
    thanks: tuple[str, ...]
    agrees: tuple[str, ...]

    @cached_property
    def compiled(self) -> dict[str, re.Pattern[str]]:
        """Each move as one regular expression."""
        return {name: re.compile("|".join(getattr(self, name))) for name in type(self).model_fields}


class CueFile(BaseModel):
    """`cues.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: tuple[FactCues, ...]
    moves: Moves


def _with_groups(pattern: str) -> str:
    return pattern.replace("{N}", _NUMBER_GROUP).replace("{U}", _UNIT_GROUP)


def _without_groups(pattern: str) -> str:
    return pattern.replace("{N}", f" ?{NUMBER} ?").replace("{U}", UNIT).replace("(?P<value>", "(?:")
