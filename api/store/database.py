"""Opens the store and brings its tables up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from api.settings import Settings
from api.store.tables import api_keys
from model.errors import InputError

SQLITE_FILE = "shouhou.sqlite3"
BUSY_SECONDS = 10  # Writers of other workers finish long before; a stuck one must not hang an answer for ever.
CONNECT_SECONDS = 3
STATEMENT_MS = 10_000
MIGRATIONS = Path(__file__).parent / "migrations"
READING_OPTION = "shouhou_reading"
MIGRATION_LOCK = 7_405_829_471_116  # Any number that nobody else uses on the database.


def open_store(settings: Settings) -> Engine:
    """Connect, and upgrade the tables to this release.

    Raises:
        InputError: the store cannot be reached, written or upgraded.
    """
    engine = connect(settings)
    try:
        upgrade(engine)
    except (SQLAlchemyError, sqlite3.Error) as error:
        where = engine.url.render_as_string(hide_password=True)
        remedy = "检查 SHOUHOU_DATA（文件夹、权限、空间）或 SHOUHOU_DATABASE_URL"
        raise InputError(f"打不开数据库（{_reason(error)}）", remedy=remedy, path=where) from error
    return engine


@contextmanager
def store_failures() -> Iterator[None]:
    """Around a command, which can be run again: a store that fails in the middle of it is told in one line.

    Raises:
        InputError: the store failed; what was not committed is not in it.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        remedy = "检查它的磁盘或服务器，再运行同一条命令：已经存进去的不会丢"
        raise InputError(f"数据库出错（{_reason(error)}）", remedy=remedy) from error


def _reason(error: Exception) -> str:
    told = str(getattr(error, "orig", None) or error).strip()
    return told.splitlines()[0] if told else type(error).__name__


def connect(settings: Settings) -> Engine:
    """The engine of the configured store; nothing is opened yet."""
    if settings.database_url is None:
        return _sqlite(settings.data)
    url = make_url(settings.database_url).set(drivername="postgresql+psycopg")
    arguments = {"connect_timeout": CONNECT_SECONDS, "options": f"-c statement_timeout={STATEMENT_MS}"}
    return create_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_timeout=CONNECT_SECONDS, connect_args=arguments
    )


def _sqlite(folder: Path) -> Engine:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / SQLITE_FILE).touch(mode=0o600)  # SQLite would let everybody on the machine read it.
    except OSError as error:
        raise InputError(f"建不了（{error.strerror}）", remedy="请另设 SHOUHOU_DATA", path=folder) from error
    url = URL.create("sqlite", database=str(folder / SQLITE_FILE))
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101
        connection.isolation_level = None
        for pragma in (
            "journal_mode = wal",  # Readers and the writer do not wait for each other.
            "synchronous = full",  # A committed feedback survives a power cut.
            "foreign_keys = on",
            "secure_delete = on",  # Purged text is overwritten, not only unlinked.
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Taking the write lock first waits its turn; upgrading a read lock later fails at once under load.
        reading = connection.get_execution_options().get(READING_OPTION, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def upgrade(engine: Engine) -> None:
    """Run the migrations that the store has not seen; two servers that start together take turns."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def reading(engine: Engine) -> Engine:
    """The same store for transactions that only read: they wait for no writer."""
    return engine.execution_options(**{READING_OPTION: True})


def is_reachable(engine: Engine) -> bool:
    """Whether the store answers now."""
    try:
        with reading(engine).connect() as connection:
            connection.execute(select(api_keys.c.id).limit(1)).all()
    except SQLAlchemyError:
        return False
    return True
