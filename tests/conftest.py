"""One model, trained by the real command on the shipped data, serves all tests of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from filelock import FileLock
from hypothesis import settings
from playwright.sync_api import Browser
from sqlalchemy import Engine

from api.app import create_app
from api.model_in_use import ModelState, load_state
from api.settings import Settings
from api.store.database import open_store
from model.playbook.book import Playbook
from model.playbook.loading import load_playbook
from model.recommender import Recommender
from model.taxonomy import Taxonomy, load_taxonomy
from tests.browser import CHROMIUM, WIDE, Watched, chromium
from tests.processes import Postgresql, find_postgresql, postgresql, serving
from tests.small_data import write_small_data

HOME = "http://127.0.0.1"
SLOWEST = (
    "test_contract",
    "test_faults",
    "test_retraining_loop",
    "test_soak",
    "test_notebooks",
    "test_data_check",
    "test_comparison",
    "test_label_cli",
    "test_inference",
    "test_registry",
    "test_tables",
    "test_cluster",
    "test_review_page",
)

settings.register_profile("project", deadline=None, max_examples=200)
settings.load_profile("project")


def shouhou(*arguments: str, artifacts: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would, with environment variables."""
    environment = {**os.environ, "COLUMNS": "200", **variables}
    if artifacts is not None:
        environment["SHOUHOU_ARTIFACTS"] = str(artifacts)
    return subprocess.run(
        [sys.executable, "-m", "model.cli", *arguments], capture_output=True, text=True, env=environment, timeout=600
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of pytest-xdist have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def artifacts(shared_folder: Path) -> Path:
    """Artifacts folder with a current version."""
    folder = shared_folder / "artifacts"
    with FileLock(shared_folder / "artifacts.lock"):
        if not folder.exists():
            done = shouhou("train", "--output", str(folder), "--json")
            assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def small_artifacts(shared_folder: Path) -> Path:
    """Artifacts folder with one version, trained in seconds on a sample of the shipped data."""
    folder = shared_folder / "small"
    with FileLock(shared_folder / "small.lock"):
        if not folder.exists():
            data = write_small_data(folder / "data", without="dlg_mixed")
            done = shouhou("train", "--data", str(data), "--output", str(folder / "artifacts"))
            assert done.returncode == 0, done.stderr
    return folder / "artifacts"


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return load_taxonomy()


@pytest.fixture(scope="session")
def playbook(taxonomy: Taxonomy) -> Playbook:
    return load_playbook(taxonomy)


@pytest.fixture(scope="session")
def state(artifacts: Path) -> ModelState:
    return load_state(artifacts)


@pytest.fixture(scope="session")
def recommender(state: ModelState) -> Recommender:
    return state.recommender


@pytest.fixture(scope="session")
def client(state: ModelState, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application in this process, with an empty store and no key: the open house on loopback."""
    app = create_app(state, Settings(data=tmp_path_factory.mktemp("data")))
    with TestClient(app, HOME, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgresql]:
    """PostgreSQL, which a machine may lack (then these tests are skipped) but CI may not."""
    if find_postgresql() is None and os.environ.get("CI") != "true":
        pytest.skip("no PostgreSQL on this machine; see README")
    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with an empty store of either kind."""
    if request.param == "sqlite":
        return Settings(data=tmp_path / "data")
    server: Postgresql = request.getfixturevalue("postgres")
    return Settings(database_url=server.new_database())


@pytest.fixture
def engine(store_settings: Settings) -> Iterator[Engine]:
    """An empty store."""
    engine = open_store(store_settings)
    yield engine
    engine.dispose()


@pytest.fixture
def stored_client(state: ModelState, store_settings: Settings) -> Iterator[TestClient]:
    """The application on an empty store of either kind."""
    app = create_app(state, store_settings)
    with TestClient(app, HOME, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture(scope="module")  # Playwright's loop must not run on in the modules that have their own.
def browser() -> Iterator[Browser]:
    """Chromium, which a machine may lack (then these tests are skipped) but CI may not."""
    if not CHROMIUM.exists() and os.environ.get("CI") != "true":
        pytest.skip("no Chromium on this machine; see README")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def open_house(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running service without keys."""
    with serving(data=tmp_path_factory.mktemp("open"), artifacts=artifacts) as url:
        yield url


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A fresh browser profile, 1280 pixels wide. No page may complain or ask another host."""
    profile = Watched(browser, viewport=WIDE)
    yield profile
    profile.context.close()
    assert not profile.complaints
