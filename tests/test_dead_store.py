"""Commands whose store dies in the middle: one line, nothing half-written, and the same command again goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import api.label_ranking
import model.training_files
from api.cli import chats, drift, keys, label, store
from api.settings import Settings
from api.store import database
from api.store.database import SQLITE_FILE, open_store
from api.store.label_queue import NewItem, Origin, add, decide, next_to_label
from model.cli import add_commands, app
from model.errors import InputError
from model.label import Label
from tests.processes import Postgresql
from tests.test_label_cli import fill_in, small_data

WEEK_FILE = Path(__file__).parent / "data" / "week" / "jingdong.csv"
DAMAGED = Label("damaged", (), "calm")


@pytest.fixture(scope="module", autouse=True)
def commands() -> None:
    add_commands()


@pytest.fixture(autouse=True)
def model_in_use(small_artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUHOU_ARTIFACTS", str(small_artifacts))


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the store that the commands work on; who finds it locked gives up at once."""
    monkeypatch.setenv("SHOUHOU_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    return tmp_path / "data" / SQLITE_FILE


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, (result.exception, result.stderr)
    return json.loads(result.stdout)


def refused(*arguments: object) -> str:
    """What the entry point prints in one line when the store failed."""
    result = run(*arguments)
    assert isinstance(result.exception, InputError), (arguments, result.exception)
    line = str(result.exception)
    assert "数据库出错（" in line
    assert "\n" not in line
    return line


def then(work: Callable[..., Any], happens: Callable[[], object]) -> Callable[..., Any]:
    """The same work, right after which something happens."""

    def work_then(*arguments: Any) -> Any:
        result = work(*arguments)
        happens()
        return result

    return work_then


def test_postgresql_stops_in_the_middle_of_every_command(
    postgres: Postgresql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_data(tmp_path / "training_data", "few_words")
    settings = Settings(database_url=postgres.new_database())
    engine = open_store(settings)
    add(engine, [NewItem(text, Origin.chat, "a.csv:2") for text in ("少了一包", "碎了两袋")])
    monkeypatch.setenv("SHOUHOU_DATABASE_URL", str(settings.database_url))
    sheet = tmp_path / "a.xlsx"
    assert done("label", "export", "--output", sheet, "--who", "小王")["messages"] == 2
    fill_in(sheet, lambda _text: "other")
    before = sorted(tmp_path.rglob("*"))
    for module in (chats, drift, keys, label, store):
        monkeypatch.setattr(module, "open_store", lambda _settings: engine)  # It could still be opened.
    postgres.stop()
    try:
        for command in (
            ("chats", "import", WEEK_FILE, "--data", data, "--rejected", tmp_path / "rejected.csv"),
            ("label",),
            ("label", "export", "--output", tmp_path / "b.xlsx"),
            ("label", "take", sheet),
            ("label", "write", "--data", data),
            ("drift",),
            ("keys", "create", "--name", "a", "--scope", "admin"),
            ("keys", "list"),
            ("keys", "revoke", "a"),
            ("store", "purge"),
            ("store", "export", "chats", "--output", tmp_path / "chats.jsonl"),
        ):
            refused(*command)
            assert sorted(tmp_path.rglob("*")) == before, command
    finally:
        postgres.start()
    assert done("label", "take", sheet)["labelled"] == 2


def test_the_store_is_locked_when_an_import_orders_the_queue(
    sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_data(tmp_path / "training_data", "few_words")
    rank = api.label_ranking.rank
    assert done("label")["waiting"] == 0
    with closing(sqlite3.connect(sqlite, isolation_level=None)) as stuck:
        monkeypatch.setattr(api.label_ranking, "rank", then(rank, lambda: stuck.execute("BEGIN IMMEDIATE")))
        assert "database is locked" in refused("chats", "import", WEEK_FILE, "--data", data)
    progress = done("label")
    assert progress["unranked"] == progress["waiting"] > 100
    monkeypatch.setattr(api.label_ranking, "rank", rank)
    assert done("chats", "import", WEEK_FILE, "--data", data)["taken"] == 0
    assert done("label")["unranked"] == 0


def test_the_store_is_locked_when_labels_are_in_the_training_data(
    sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files first, then the store: the labels are there once, whenever it dies."""
    data = small_data(tmp_path / "training_data", "few_words")
    engine = open_store(Settings(data=sqlite.parent))
    add(engine, [NewItem("少了一包", Origin.chat, "a.csv:2")])
    (item,) = next_to_label(engine, 1, "小王")
    decide(engine, item.id, DAMAGED, "小王", item.version)
    write_labels = model.training_files.write_labels
    with closing(sqlite3.connect(sqlite, isolation_level=None)) as stuck:
        locks = then(write_labels, lambda: stuck.execute("BEGIN IMMEDIATE"))
        monkeypatch.setattr(model.training_files, "write_labels", locks)
        assert "再运行同一条命令" in refused("label", "write", "--data", data)
    (week,) = (data / "messages").glob("chats_*.csv")
    written = week.read_bytes()
    assert written.decode().count("少了一包") == 1
    monkeypatch.setattr(model.training_files, "write_labels", write_labels)
    assert done("label", "write", "--data", data)["same"] == 1
    assert week.read_bytes() == written
    assert done("label")["written"] == 1


def test_the_file_of_the_store_becomes_unreadable(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil() -> None:
        for path in sqlite.parent.glob(f"{SQLITE_FILE}*"):
            path.write_bytes(b"x" * path.stat().st_size)

    monkeypatch.setattr(label, "open_store", then(open_store, spoil))
    assert "database" in refused("label")
