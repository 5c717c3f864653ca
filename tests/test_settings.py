from pathlib import Path

import pytest

from posterity.errors import SettingsError
from posterity.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("POSTERITY_"):
            monkeypatch.delenv(name)


def test_without_settings_everything_lies_in_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment()
    assert settings.store == f"file://{tmp_path}/.posterity/store"
    assert settings.registry == f"sqlite:///{tmp_path}/.posterity/registry.db"
    assert (settings.alert_urls, settings.lineage_url, settings.pseudonym_key) == ("", "", "")
    assert list(tmp_path.iterdir()) == []


def test_variables_win_and_empty_ones_do_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTERITY_STORE", "s3://bucket/prefix")
    monkeypatch.setenv("POSTERITY_REGISTRY", "")
    monkeypatch.setenv("POSTERITY_LOG_LEVEL", "")
    settings = Settings.from_environment()
    assert settings.store == "s3://bucket/prefix"
    assert settings.registry.startswith("sqlite:///")
    assert settings.log_level == "WARNING"


def test_a_misspelled_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERITY_STROE", "file:///x")
    with pytest.raises(SettingsError, match=r"POSTERITY_STROE: no such setting; there are .*POSTERITY_STORE"):
        Settings.from_environment()


@pytest.mark.parametrize(
    "name", ["REGISTRY_SERVICE_HOST", "REGISTRY_SERVICE_PORT_HTTP", "REGISTRY_PORT", "SERVER_PORT_8080_TCP_ADDR"]
)
def test_what_kubernetes_says_of_a_service_called_posterity_is_no_setting(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"POSTERITY_{name}", "tcp://10.96.0.7:5000")
    assert Settings.from_environment().registry.startswith("sqlite:///")


@pytest.mark.parametrize("text", ["-1", "101", "5%"])
def test_a_share_is_a_percentage(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("POSTERITY_CHALLENGER_SHARE", text)
    with pytest.raises(SettingsError, match=r"POSTERITY_CHALLENGER_SHARE=.* is not a whole number from 0 to 100"):
        Settings.from_environment()
    monkeypatch.setenv("POSTERITY_CHALLENGER_SHARE", "100")
    assert Settings.from_environment().challenger_share == 100


@pytest.mark.parametrize("text", ["-1", "two", "0", "1.5"])
def test_a_setting_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("POSTERITY_SERVER_WORKERS", text)
    with pytest.raises(SettingsError, match=r"POSTERITY_SERVER_WORKERS=.* is not a whole number of at least 1"):
        Settings.from_environment()


def test_numbers_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERITY_SERVER_WORKERS", "4")
    assert Settings.from_environment().server_workers == 4


def test_settings_can_be_printed_without_their_secrets() -> None:
    settings = Settings(pseudonym_key="key-of-keys", alert_urls="slack://token", store="file:///x")
    assert "file:///x" in repr(settings)
    assert "key-of-keys" not in repr(settings)
    assert "token" not in repr(settings)
