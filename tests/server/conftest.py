"""A store with versions of the small model, and a server on it for the tests that change nothing."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from posterity.registry import aliases, success
from posterity.registry.card import describe
from posterity.registry.success import Success
from posterity.store import ObjectStore, open_store
from tests.server.process import Server, server
from tests.server.products import register, sales
from tests.shop import Shop
from tests.stalls import Stalls

PAST = "2026-02-28"
NOW = (date.today().replace(day=1) - timedelta(days=1)).isoformat()  # its product is valid today


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return sales(tmp_path_factory.mktemp("sales"), PAST)


class Strict(Shop):
    """Refused once it has expired."""

    name = "strict"
    after_expiry = "refuse"


class Mute(Shop):
    """It was found at registration that servers cannot score with it."""

    name = "mute"


def fill(folder: Path, clean: pd.DataFrame) -> ObjectStore:
    """A store with shop/1, which has expired, and shop/2, the champion."""
    store = open_store(f"file://{folder}/store")
    register(store, clean, PAST)
    register(store, clean, NOW)
    aliases.move(store, "shop", "champion", 2, "tests", "newest")
    success.note(store, Success("run", "shop/2", "2026-03-01T06:00:00+00:00"))
    return store


@pytest.fixture
def store(tmp_path: Path, clean: pd.DataFrame) -> ObjectStore:
    return fill(tmp_path, clean)


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, clean: pd.DataFrame) -> ObjectStore:
    """The same, strict/1, which has expired, mute/1, which cannot score, and stalls/1."""
    made = fill(tmp_path_factory.mktemp("shared"), clean)
    register(made, clean, PAST, Strict())
    register(made, clean, NOW, Mute(), about={**describe(Mute()), "unscorable": "it needs PyMC"})
    register(made, clean, NOW, Stalls())
    for model in ("strict", "mute", "stalls"):
        aliases.move(made, model, "champion", 1, "tests", "first")
    return made


@pytest.fixture(scope="session")
def running(shared_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("logs"), shared_store.url) as found:
        yield found
