"""The help of every command: examples that parse, nothing heavy imported."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from pipelines.cli.app import EPILOG, app
from posterity import errors

HEAVY = {"kfp", "pandas", "pandera", "mlflow", "jax", "pymc", "scipy", "sklearn", "matplotlib", "arviz", "pyarrow"}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_with_examples_that_parse(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    assert command.epilog.startswith("Examples:")
    examples = re.findall(r"^  (posterity .*)$", command.epilog, re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example)
        assert tuple(words[1 : 1 + len(path)]) == path, example
        command.make_context(" ".join(path), words[1 + len(path) :])  # raises where an option or argument is wrong


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_argument_and_option_is_explained(path: tuple[str, ...]) -> None:
    assert [item.name for item in COMMANDS[path].params if not getattr(item, "help", None)] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_can_print_json(path: tuple[str, ...]) -> None:
    assert "as_json" in {item.name for item in COMMANDS[path].params}


def test_all_exit_codes_are_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for code in {kind.exit_code for kind in kinds if issubclass(kind, errors.PosterityError)}:
        assert re.search(rf"\b{code} \w", EPILOG), code


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["data", "diff", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from pipelines.cli import main\n"
        f"sys.argv = ['posterity', *{arguments}]\n"
        "try:\n    main()\nexcept SystemExit:\n    print('imported', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.rpartition("imported ")[2].split())
    assert "typer" in imported
    assert imported & HEAVY == set()
