import json
from pathlib import Path

import pytest

from pipelines.cluster.kubectl import MANIFESTS
from pipelines.cluster.secrets import read_declared, resolve
from posterity.errors import SettingsError

OVERLAYS = sorted(path.parent for path in MANIFESTS.glob("overlays/*/secrets.json"))
DECLARED = {
    "kubeflow/users": {"stages": {"random": 40}, "server": {"random": 40}},
    "kubeflow/store": {"AWS_ACCESS_KEY_ID": "stages", "AWS_SECRET_ACCESS_KEY": {"same": "kubeflow/users/stages"}},
    "kubeflow/database": {"url": {"given": "where the database is"}},
}
URL = {"kubeflow/database/url": "postgresql://"}


def test_random_values_are_long_differ_and_are_copied_where_they_are_wanted() -> None:
    values = resolve(DECLARED, {}, URL)
    assert values["kubeflow/users/stages"] != values["kubeflow/users/server"]
    assert len(values["kubeflow/users/stages"]) == 40
    assert values["kubeflow/users/stages"].isalnum()
    assert values["kubeflow/store/AWS_SECRET_ACCESS_KEY"] == values["kubeflow/users/stages"]
    assert values["kubeflow/store/AWS_ACCESS_KEY_ID"] == "stages"
    assert resolve(DECLARED, {}, URL) != values


def test_what_is_there_stays_and_what_is_given_wins() -> None:
    before = resolve(DECLARED, {}, URL)
    assert resolve(DECLARED, before, {}) == before
    changed = resolve(DECLARED, before, {"kubeflow/database/url": "another"})
    assert changed == before | {"kubeflow/database/url": "another"}


def test_a_key_that_was_lost_is_made_again_and_its_copy_follows() -> None:
    before = resolve(DECLARED, {}, URL)
    lost = {name: value for name, value in before.items() if name != "kubeflow/users/stages"}
    values = resolve(DECLARED, lost, {})
    assert values["kubeflow/users/stages"] != before["kubeflow/users/stages"]
    assert values["kubeflow/store/AWS_SECRET_ACCESS_KEY"] == values["kubeflow/users/stages"]
    assert values["kubeflow/users/server"] == before["kubeflow/users/server"]


def test_everything_that_nobody_has_given_is_named_at_once() -> None:
    declared = {**DECLARED, "kubeflow/mail": {"url": {"given": "where alerts go"}}}
    with pytest.raises(SettingsError) as refused:
        resolve(declared, {}, {})
    assert "kubeflow/database/url (where the database is)" in str(refused.value)
    assert "kubeflow/mail/url (where alerts go)" in str(refused.value)


def test_an_overlay_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "kind").mkdir()
    (tmp_path / "kind/secrets.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"nosuch/secrets.json cannot be read .*OVERLAY is one of kind"):
        read_declared(tmp_path / "nosuch")


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_no_overlay_has_a_credential_in_it(overlay: Path) -> None:
    """Names of users are the only values that are written down."""
    users = {"posterity-root", "root", *json.loads((MANIFESTS / "minio/store.json").read_text())["users"]}
    for keys in read_declared(overlay).values():
        assert {value for value in keys.values() if isinstance(value, str)} <= users


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_what_is_declared_can_be_resolved(overlay: Path) -> None:
    declared = read_declared(overlay)
    names = {f"{name}/{key}" for name, keys in declared.items() for key in keys}
    assert set(resolve(declared, {}, dict.fromkeys(names, "given"))) == names
