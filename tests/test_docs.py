"""The documentation says what is there, and all of it."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from pipelines.cli.app import app
from pipelines.compile_settings import CompileSettings, StageSettings, read_settings
from posterity import errors
from posterity.model.contract import MCMCModel, Model, MonteCarloModel
from posterity.runs import ORDER
from posterity.sampling.plan import SamplerSettings
from posterity.settings import Settings
from posterity.stats.gate import GateSettings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
TOP = typer.main.get_command(app)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table whose first column is headed `heading`."""
    found = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[ -|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, f"there is no table headed {heading!r}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])] for line in found[1].splitlines()]


def code(text: str) -> list[str]:
    """What stands between backticks, blocks left out."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli.md", "stages.md"])
def test_reference_pages_are_fresh(name: str, generator: ModuleType) -> None:
    text = page(name)
    assert "<!-- generated: " in text
    assert generator.refresh(text) == text, "run make docs"


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    documented = [code(row[0])[0] for row in rows(page("settings.md"), "variable")]
    assert documented == [f"POSTERITY_{item.name.upper()}" for item in fields(Settings)]


def test_every_compile_setting_is_documented_with_its_default() -> None:
    text = page("settings.md")
    documented = {code(row[0])[0]: row[2].strip("`") for row in rows(text, "compile setting")}
    assert documented == {item.name: str(item.default) for item in fields(CompileSettings) if item.metadata}
    settings = CompileSettings()
    for place, stage in ((2, "plan"), (3, "sample")):
        own = settings.of_stage(stage)
        for row in rows(text, "stage setting"):
            name, shown = code(row[0])[0], row[place].strip("`") or row[2].strip("`")
            read = read_settings([f"{stage}.{name}={shown}"]).of_stage(stage)
            assert getattr(read, name) == getattr(own, name), (stage, name)
    assert [code(row[0])[0] for row in rows(text, "stage setting")] == [item.name for item in fields(StageSettings)]


def test_every_exit_code_is_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {kind.exit_code for kind in kinds if issubclass(kind, errors.PosterityError)}
    documented = [int(row[0]) for row in rows(page("cli.md"), "code")]
    assert documented == sorted(raised | {0, 2, 130})  # done, typer's usage error, stopped from the keyboard


def test_the_contract_is_documented_whole() -> None:
    guide = page("model-guide.md")
    attributes = {name for row in rows(guide, "attribute") for name in code(row[0])}
    methods = {name.partition("(")[0] for row in rows(guide, "method") for name in code(row[0])}
    public = {
        name: value
        for kind in (Model, MCMCModel, MonteCarloModel)
        for name, value in {**dict.fromkeys(kind.__annotations__), **vars(kind)}.items()
        if not name.startswith("_") and name != "kind"
    }
    assert methods == {name for name, value in public.items() if callable(value)}
    assert attributes == {name for name, value in public.items() if not callable(value)}


def test_documented_methods_must_be_written_where_they_are_abstract() -> None:
    must = {code(row[0])[0].partition("(")[0] for row in rows(page("model-guide.md"), "method") if row[1]}
    assert must == {*MCMCModel.__abstractmethods__, *MonteCarloModel.__abstractmethods__}


def test_sampler_settings_are_documented_with_their_defaults() -> None:
    documented = {code(row[0])[0]: row[1] for row in rows(page("model-guide.md"), "setting")}
    assert documented == {item.name: str(item.default) for item in fields(SamplerSettings)}


def test_the_gate_is_documented_with_its_limits() -> None:
    limits = {row[0]: row[1] for row in rows(page("statistics.md"), "it asks for")}
    settings = GateSettings()
    assert settings.divergence_budget == Model.divergence_budget == 0
    assert limits["divergences"].startswith("none, ")
    assert limits["E-BFMI of each chain"] == f"at least {settings.bfmi:g}"
    assert limits["bulk and tail ESS of each published quantity"] == f"at least {settings.ess:g}"
    assert limits["R-hat of each published quantity"].endswith(f"and {settings.rhat_cap:g}")


def test_the_readme_lists_all_stages_in_order() -> None:
    assert [code(row[0])[0] for row in rows(README.read_text(), "stage")] == list(ORDER)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith("http"):
            name, _, anchor = target.partition("#")
            there = (path.parent / name).resolve() if name else path
            assert there.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+)\)", README.read_text()))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_make_targets_exist(path: Path) -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for line in [*code(path.read_text()), *commands(path)]:
        if target := re.match(r"make ([a-z][a-z-]*)", line):
            assert target[1] in phony[1].split(), line


def commands(path: Path) -> Iterator[str]:
    """The lines of a page's shell blocks, without comments."""
    for block in re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
        yield from (line.partition("  #")[0].strip() for line in block.splitlines())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_are_those_of_the_command_line(path: Path) -> None:
    """In shell blocks with all their arguments, elsewhere in the text by name."""
    for line in commands(path):
        if line.startswith("posterity "):
            parse(shlex.split(line)[1:], line)
    for line in code(path.read_text()):
        words = line.split()
        if words[0] == "posterity" and len(words) > 1 and words[1].islower() and not words[1].startswith("-"):
            find(words[1:], line)


def find(words: list[str], line: str) -> tuple[Any, list[str]]:
    command: Any = TOP
    while hasattr(command, "commands"):
        assert words, line
        assert words[0] in command.commands, line
        command, words = command.commands[words[0]], words[1:]
    return command, words


def parse(words: list[str], line: str) -> None:
    if words[0].startswith("-"):
        return
    command, rest = find(words, line)
    command.make_context(line, rest)  # raises where an option or argument is wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    rooms = "posterity|components|pipelines|models|legacy|benchmarks|docs|tests|manifests"
    for name in code(path.read_text()):
        if re.fullmatch(rf"(?:{rooms})/[\w./-]*", name):
            assert (ROOT / name).exists(), name
