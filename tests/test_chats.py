"""Chats in: every format and encoding, what is taken and what not, breaking off and repeating."""

from __future__ import annotations

import csv
import json
import threading
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from api.chat_import import import_chats
from api.settings import Settings
from api.store.database import open_store
from api.store.label_queue import text_sha256
from api.store.storable import storable
from api.store.tables import chats_to_label
from model.chats.columns import Columns
from model.chats.encoding import text_encoding
from model.chats.line import ChatLine, read_time
from model.chats.reading import read_chats
from model.chats.sifting import Skip, reason_to_skip
from model.chats.table import MAX_LINE_CHARS
from model.chats.transcript import read_transcript
from model.errors import InputError
from tests.conftest import shouhou

WEEK = Path(__file__).parent / "data" / "week"
WEEK_FILES = [WEEK / name for name in ("qianniu.txt", "jingdong.csv", "douyin.xlsx")]
NOBODY: frozenset[str] = frozenset()


def texts(path: Path, named: Columns | None = None, agents: frozenset[str] = NOBODY) -> list[str]:
    """The buyers' own words in a file."""
    return [line.text for line in read_chats(path, named or Columns(), agents) if reason_to_skip(line, agents) is None]


def queue(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(chats_to_label.c.redacted_text)).scalars())


def test_a_week_is_imported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUHOU_DATA", str(tmp_path / "data"))
    rejected = tmp_path / "rejected.csv"
    command = ("chats", "import", *map(str, WEEK_FILES), "--json")
    first = shouhou(*command, "--rejected", str(rejected))
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    lines = sum(file["taken"] + sum(file["skipped"].values()) for file in told["files"])
    assert lines >= 2_000
    assert told["taken"] >= 700
    with rejected.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == lines - told["taken"]
    assert {row["原因"] for row in rows} == {str(reason) for reason in Skip} & {row["原因"] for row in rows}
    assert not any("13900139000" in row["内容"] for row in rows)

    engine = open_store(Settings(data=tmp_path / "data"))
    with (WEEK / "labels.csv").open(encoding="utf-8", newline="") as file:
        gold = {text_sha256(row["text"]) for row in csv.DictReader(file)}
    taken = queue(engine)
    assert len(taken) == told["taken"]
    assert {text_sha256(text) for text in taken} <= gold
    assert "收货电话换成[手机号]" in taken
    again = json.loads(shouhou(*command).stdout)
    assert again["taken"] == 0
    assert len(queue(engine)) == told["taken"]
    with engine.connect() as connection:
        row = connection.execute(select(chats_to_label).order_by(chats_to_label.c.id).limit(1)).one()
    assert row.source.startswith("qianniu.txt:")
    assert row.said_at_ms is not None
    assert row.conversation is not None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".jsonl"])
def test_encodings(tmp_path: Path, suffix: str, encoding: str) -> None:
    path = tmp_path / f"chats{suffix}"
    content = {
        ".csv": "角色,内容\n买家,饼干碎成渣了\n客服,亲抱歉\n",
        ".txt": "买家：饼干碎成渣了\n客服：亲抱歉\n",
        ".jsonl": '{"role": "买家", "content": "饼干碎成渣了"}\n{"role": "客服", "content": "亲抱歉"}\n',
    }[suffix]
    path.write_bytes(content.encode(encoding))
    assert texts(path) == ["饼干碎成渣了"]


def test_damaged_text_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "chats.csv"
    good = "角色,内容\n" + "买家,收到的饼干碎成渣了\n" * 5
    path.write_bytes(good.encode() + b"\xff\xfe\xff\n" + good.encode())
    with pytest.raises(InputError, match=r"chats\.csv:7: 已损坏，或既不是 UTF-8 也不是 GBK"):
        text_encoding(path)
    path.write_bytes(good.encode()[:-2])
    with pytest.raises(InputError, match=r"chats\.csv:6: 文件在半个字处断了"):
        text_encoding(path)
    path.write_bytes(b"\xff\xfe" + good.encode("utf-16-le")[:-1])
    with pytest.raises(InputError, match="文件在半个字处断了"):
        text_encoding(path)


def test_text_longer_than_a_chunk_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "chats.txt"
    line = "买家：饼干碎成渣了\n".encode("gbk")
    path.write_bytes(line * (2_500_000 // len(line)))
    assert text_encoding(path) == "gb18030"
    path.write_bytes(line * (2_500_000 // len(line)) + b"\xff")
    with pytest.raises(InputError, match=rf":{2_500_000 // len(line) + 1}: "):
        text_encoding(path)


@pytest.mark.parametrize(
    "transcript",
    [
        "tb01 (2026-11-01 10:23:11): 在吗\n果乐旗舰店:小美 (2026-11-01 10:23:15): 在的\n"
        "tb01 (2026-11-01 10:24:01): 碎了\n两袋",
        "tb01 2026-11-01 10:23:11\n在吗\n\n果乐旗舰店:小美 2026-11-01 10:23:15\n在的\n\n"
        "tb01 2026-11-01 10:24:01\n碎了\n两袋\n",
        "2026-11-01 10:23:11 tb01\n在吗\n2026-11-01 10:23:15 果乐旗舰店:小美\n在的\n"
        "2026-11-01 10:24:01 tb01\n碎了\n两袋",
        "[2026/11/1 10:23] tb01: 在吗\n[2026/11/1 10:23] 果乐旗舰店:小美: 在的\n[2026/11/1 10:24] tb01: 碎了\n两袋",
        "买家：在吗\n客服：在的\n买家：碎了\n两袋",
        "========\n2026-11-01\n========\n顾客(tb01): 在吗\n客服小美: 在的\n顾客(tb01): 碎了\n两袋",
        "tb01（2026年11月1日 10:23）\n在吗\n客服-小美（2026年11月1日 10:23）\n在的\n"
        "tb01（2026年11月1日 10:24）\n碎了\n两袋",
    ],
)
def test_transcripts(tmp_path: Path, transcript: str) -> None:
    path = tmp_path / "chat.txt"
    path.write_text(transcript, encoding="utf-8")
    assert texts(path) == ["在吗", "碎了\n两袋"]


def test_a_transcript_keeps_where_and_when(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("前言\ntb01 (2026-11-01 10:23:11): 在吗\n小美:客服 (2026-11-01 10:23:15): 在的\n", encoding="utf-8")
    lines = list(read_transcript(path, "utf-8"))
    assert [line.row for line in lines] == [1, 2, 3]
    assert lines[0].problem is not None
    assert (lines[1].speaker, lines[1].conversation, lines[2].conversation) == ("tb01", "tb01", "tb01")
    assert lines[1].sent_at is not None
    assert lines[1].sent_at.isoformat() == "2026-11-01T10:23:11+08:00"


@given(st.text(max_size=300))
def test_no_transcript_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text("买家：在吗\n" + text.encode("utf-8", "replace").decode(), encoding="utf-8")
    assert next(iter(read_transcript(path, "utf-8"))).text.startswith("在吗")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame(
        {
            "会话ID": ["c1", "c1", "c2", "c2"],
            "发送时间": ["2026-11-01 10:23:11", "2026/11/1 10:24", None, "昨天"],
            "发送方": ["顾客", "客服", "顾客", "系统"],
            "消息内容": ["少了一包，\n“两包”才来一包", "亲看下", 123456, "对方已离开"],
        }
    ).astype(object if suffix == ".xlsx" else str)
    path = tmp_path / f"chats{suffix}"
    if suffix in {".csv", ".tsv"}:
        frame.to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
    elif suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_parquet(path)
    lines = list(read_chats(path, Columns()))
    assert [line.text for line in lines if reason_to_skip(line) is None] == ["少了一包，\n“两包”才来一包", "123456"]
    assert [line.conversation for line in lines] == ["c1", "c1", "c2", "c2"]
    assert [line.sent_at is not None for line in lines] == [True, True, False, False]


def test_columns_are_named_or_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "chats.csv"
    path.write_text("谁,说了啥\n买家,少了一包\n客服,亲看下\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"现有：谁, 说了啥.*--text 列名"):
        texts(path)
    with pytest.raises(InputError, match="没有 何 这一列"):
        texts(path, Columns(text="何"))
    assert texts(path, Columns(text="说了啥")) == ["少了一包", "亲看下"]
    assert texts(path, Columns(text="说了啥", role="谁")) == ["少了一包"]


def test_the_shops_people_must_be_known(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("小李 (2026-11-01 10:23:11): 在吗\n小美 (2026-11-01 10:23:15): 在的亲\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"小李、小美.*--agent"):
        texts(path)
    assert texts(path, agents=frozenset({"小美"})) == ["在吗"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[图片]", Skip.card),
        ("[图片] 【表情】", Skip.card),
        ("/:^_^", Skip.card),
        ("订单编号：302187654321\n下单时间：2026-11-01", Skip.card),
        ("https://item.taobao.com/item.htm?id=1", Skip.link),
        ("[自动回复]亲您好", Skip.system),
        ("对方撤回了一条消息", Skip.system),
        ("\u200b \ufe0f", Skip.empty),
        ("坏" * 2_001, Skip.too_long),
        ("[图片]你看这袋都碎了", None),
        ("订单编号多少啊", None),
        ("这个https://item.taobao.com/item.htm?id=1有货吗", None),
        ("自动回复有啥用", None),
        ("？？", None),
        ("13800138000", None),
    ],
)
def test_what_is_a_buyers_own(text: str, reason: Skip | None) -> None:
    assert reason_to_skip(ChatLine(1, text)) is reason


def test_broken_rows_are_told_and_the_rest_is_taken(tmp_path: Path) -> None:
    table = tmp_path / "chats.csv"
    table.write_text("角色,内容\n买家,碎了,两袋\n买家,少了一包\n\n买家\n", encoding="utf-8")
    lines = list(read_chats(table, Columns()))
    assert [(line.row, reason_to_skip(line)) for line in lines] == [
        (2, Skip.unreadable),
        (3, None),
        (5, Skip.unreadable),
    ]
    records = tmp_path / "chats.jsonl"
    records.write_text(
        '{"text": "碎了"}\n{"text": \n[1]\n{"text": ["a"]}\n"'
        + "x" * (MAX_LINE_CHARS + 9)
        + '"\n{"text": "少了"}\n{"a": 1}',
        encoding="utf-8",
    )
    found = [(line.row, reason_to_skip(line)) for line in read_chats(records, Columns())]
    bad = Skip.unreadable
    assert found == [(1, None), (2, bad), (3, bad), (4, bad), (5, bad), (6, None), (7, Skip.empty)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.doc", b"x", "不支持的格式 '.doc'"),
        ("a.csv", b"", "文件是空的"),
        ("a.csv", b"text\n", "没有消息"),
        ("a.csv", 'text\n碎了\n"少了'.encode(), ":3: 不是完整的 CSV"),
        ("a.txt", b"", "没有认出一行聊天"),
        ("a.txt", "今天天气不错\n".encode(), "没有认出一行聊天"),
        ("a.jsonl", b"[1, 2]\n", "没有 JSON 对象"),
        ("a.xlsx", b"PK\x03\x04 half", "不是 Excel 文件"),
        ("a.xlsx", "text\n碎了".encode(), "不是 Excel 文件"),
        ("a.parquet", b"PAR1 half", "不是 parquet 文件"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        texts(path)
    assert words in str(caught.value)
    with pytest.raises(InputError, match="没有这个文件"):
        texts(tmp_path / "none.csv")


def test_a_half_written_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "half.xlsx"
    whole = (WEEK / "douyin.xlsx").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="不是 Excel 文件"):
        texts(path)


def test_an_xlsx_that_tells_wrong_dimensions(tmp_path: Path) -> None:
    """Some programs write A1 for a whole sheet."""
    path = tmp_path / "a.xlsx"
    with ZipFile(WEEK / "douyin.xlsx") as good, ZipFile(path, "w") as wrong:
        for name in good.namelist():
            content = good.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = content.replace(b"<sheetViews>", b'<dimension ref="A1"/><sheetViews>')
            wrong.writestr(name, content)
    assert texts(path) == texts(WEEK / "douyin.xlsx")


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2026-11-01 10:23:11", "2026-11-01T10:23:11+08:00"),
        ("2026/11/1 9:05", "2026-11-01T09:05:00+08:00"),
        ("2026年11月1日 9:05", "2026-11-01T09:05:00+08:00"),
        ("2026-11-01T10:23:11", "2026-11-01T10:23:11+08:00"),
        ("昨天", None),
        (5, None),
    ],
)
def test_times(value: object, iso: str | None) -> None:
    found = read_time(value)
    assert (found.isoformat() if found else None) == iso


def test_an_import_broken_off_goes_on_where_it_stopped(engine: Engine) -> None:
    lines = [ChatLine(row, f"第{row}件东西碎了") for row in range(1, 2_501)]

    def broken_off() -> object:
        yield from lines[:2_300]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_chats(engine, "a.csv", broken_off(), NOBODY, NOBODY, lambda _line, _reason: None)  # type: ignore[arg-type]
    assert len(queue(engine)) == 2_000
    reasons: Counter[Skip | None] = Counter()
    added = import_chats(engine, "a.csv", lines, NOBODY, NOBODY, lambda _line, reason: reasons.update([reason]))
    assert added == 500
    assert reasons == {None: 500, Skip.in_queue: 2_000}
    assert len(queue(engine)) == 2_500


def test_two_imports_at_once_take_each_line_once(engine: Engine) -> None:
    lines = [ChatLine(row, f"第{row}件东西碎了") for row in range(1, 2_001)]
    added: list[int] = []

    def work(mine: list[ChatLine]) -> None:
        added.append(import_chats(engine, "a.csv", mine, NOBODY, NOBODY, lambda _line, _reason: None))

    threads = [threading.Thread(target=work, args=(order,)) for order in (lines, lines[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(added) == 2_000
    assert len(queue(engine)) == 2_000


def test_known_messages_and_other_punctuation_are_passed_over(engine: Engine) -> None:
    lines = [ChatLine(n, text) for n, text in enumerate(["碎了两袋！", "碎了，两袋", "少了一包", "打13800138000"], 1)]
    reasons: list[Skip | None] = []
    import_chats(engine, "a", lines, {text_sha256("少了一包。")}, NOBODY, lambda _line, reason: reasons.append(reason))
    assert reasons == [None, Skip.in_queue, Skip.in_training, None]
    assert sorted(queue(engine)) == sorted(["碎了两袋！", storable("打13800138000")])


def test_mistakes_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUHOU_DATA", str(tmp_path / "data"))
    source = tmp_path / "a.csv"
    source.write_text("谁,说了啥\n买家,少了一包\n", encoding="utf-8")
    rejected = tmp_path / "rejected.csv"
    done = shouhou("chats", "import", str(source), "--rejected", str(rejected))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("错误：")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "data"]
    nowhere = shouhou("chats", "import", str(WEEK_FILES[1]), "--rejected", str(tmp_path / "none" / "r.csv"))
    assert nowhere.returncode == 2
    assert "写不了" in nowhere.stderr
