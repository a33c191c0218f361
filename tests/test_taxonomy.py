"""The label scheme is complete, and mistakes in it are told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import InputError
from model.taxonomy import Taxonomy, load_taxonomy


def test_the_shipped_scheme(taxonomy: Taxonomy) -> None:
    assert len(taxonomy.issues) == 39
    assert [customer.code for customer in taxonomy.customers] == [
        "calm",
        "denying",
        "distrustful",
        "rambling",
        "urgent",
        "blame_shifting",
        "venting",
    ]
    assert {issue.code for issue in taxonomy.issues if issue.signable} == {"bulging", "damaged"}
    assert taxonomy.issue_by_code["bulging"].name == "涨袋漏气"
    assert all(issue.definition for issue in taxonomy.issues)


GOOD = """version: "1"
issues:
  - {code: a, name: 甲}
  - {code: b, name: 乙}
"""


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD.replace("code: b", "code: a"), None, "代码 a 出现了两次"),
        (GOOD.replace("name: 乙", "nmae: 乙"), 4, "name"),
        (GOOD.replace("name: 乙", "name: 乙, group: gone"), None, "gone"),
        (GOOD.replace("issues:", "issues: ["), 3, "YAML"),
        (GOOD + "version: '2'\n", 5, "version 出现了两次"),
        ("", None, "Input should be"),
        ("version: '1'\nissues: []\n", 2, "at least 2"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    (tmp_path / "taxonomy.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_taxonomy(tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / "taxonomy.yaml") in str(caught.value)
    if line:
        assert caught.value.line == line


def test_gbk_is_named(tmp_path: Path) -> None:
    (tmp_path / "taxonomy.yaml").write_bytes(GOOD.encode("gbk"))
    with pytest.raises(InputError, match=r"taxonomy\.yaml:3: 不是 UTF-8（像是 GBK）"):
        load_taxonomy(tmp_path)
