"""Compile settings: from files and from the command line, each wrong one refused in one sentence."""

from pathlib import Path

import pytest

from pipelines.compile_settings import CompileSettings, read_settings
from posterity.errors import SettingsError


def test_a_stage_has_what_all_have_unless_it_has_its_own() -> None:
    settings = read_settings(["stages.retries=1", "stages.memory_limit=1Gi", "plan.memory_limit=8Gi"])
    assert settings.of_stage("plan").memory_limit == "8Gi"
    assert settings.of_stage("plan").retries == 1
    assert settings.of_stage("predict").memory_limit == "1Gi"
    assert settings.of_stage("sample").retries == CompileSettings().of_stage("sample").retries > 1


def test_later_settings_win_over_earlier_ones_and_images_over_all(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("image: a/b:1\nparallelism: 3\nsample: {deadline: 1d}\n")
    settings = read_settings([str(file), "parallelism=5", "sample.retries=2"], image="a/b:2")
    assert (settings.parallelism, settings.image) == (5, "a/b:2")
    assert (settings.of_stage("sample").deadline, settings.of_stage("sample").retries) == (86400, 2)


def test_the_sampling_image_is_that_of_the_stages_unless_given() -> None:
    assert read_settings([], image="a/stage:1").image_of("sample") == "a/stage:1"
    both = read_settings([], image="a/stage:1", sample_image="a/sample:1")
    assert (both.image_of("sample"), both.image_of("plan")) == ("a/sample:1", "a/stage:1")


def test_an_empty_value_takes_a_limit_away() -> None:
    assert read_settings(["stages.memory_limit="]).of_stage("plan").memory_limit == ""


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("3m", 180), ("2h", 7200), ("2d", 172800)])
def test_deadlines_have_units(text: str, seconds: int) -> None:
    assert read_settings([f"plan.deadline={text}"]).of_stage("plan").deadline == seconds


WRONG = [
    ("paralelism=8", "there is no compile setting 'paralelism'; there are image,"),
    ("parallelism=-1", "parallelism=-1: a whole number from 0 on"),
    ("parallelism=true", "parallelism=True: a whole number from 0 on"),
    ("sample.memory=8Gi", "there is no sample.memory; there are cpu_request"),
    ("sample.memory_limit=8GB", "sample.memory_limit='8GB': write it like 512Mi or 4Gi"),
    ("stages.cpu_limit=two", "stages.cpu_limit='two': write it like 500m or 2"),
    ("plan.deadline=0", "plan.deadline=0: write it like 90m, 4h or 2d"),
    ("plan.deadline=1w", "plan.deadline='1w': write it like 90m, 4h or 2d"),
    ("plan.retries=1.5", "plan.retries=1.5: a whole number"),
    ("sample=4", "sample has settings of its own, such as sample.memory_limit=8Gi"),
    ("pull_policy=Sometimes", "pull_policy='Sometimes': choose one of IfNotPresent, Always, Never"),
    ("image=No Image", "image='No Image': write it like registry.example.org"),
    ("store_secret=Posterity_Store", "store_secret='Posterity_Store': write it like posterity-store"),
    ("sample.node_selector=spot", "labels are needed, such as {pool: spot}"),
    ("sample.node_selector={spot: true}", "spot=True is not a label of a node; put numbers and true in quotes"),
    ("sample.tolerations={key: spot}", "a list is needed"),
    ("sample.tolerations=[{keys: spot}]", "a toleration has no keys"),
    ("sample.tolerations=[{key: spot, operator: In}]", "operator 'In' is none of Equal, Exists"),
    ("sample.tolerations=[{key: spot, effect: Never}]", "effect 'Never' is none of NoSchedule"),
    ("sample.tolerations=[{key", "this is not YAML"),
    ("nowhere.yaml", "nowhere.yaml is neither a file nor name=value"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text for text, _ in WRONG])
def test_a_wrong_setting_is_refused_and_named(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings([text])
    assert message in str(raised.value)


@pytest.mark.parametrize(("text", "message"), [("- a\n", "has no settings"), ("a: [", "is not YAML"), ("b: 1", "'b'")])
def test_a_wrong_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message) as raised:
        read_settings([str(file)])
    assert str(file) in str(raised.value)
