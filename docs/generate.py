"""Write the reference pages of the documentation from the code: `python docs/generate.py`, or `make docs`.

Commands, exit codes and stages are described where they are defined; what stands between the markers of a page is
replaced by what the code says, and a test fails when a page is stale.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from pipelines.cli.app import app
from posterity import errors
from posterity.runs import ORDER

DOCS = Path(__file__).parent
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Rewrite every page that has markers."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text()
        fresh = refresh(text)
        if fresh != text:
            path.write_text(fresh)
            sys.stdout.write(f"{path.name} is written anew\n")


def refresh(text: str) -> str:
    """`text` with what stands between its markers made from the code."""
    return MARKED.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n\n{match[3]}", text)


def exit_codes() -> str:
    """Every exception with its exit code, bases first."""
    rows = [
        (f"`{kind.__name__}`", str(kind.exit_code), (kind.__doc__ or "").split("\n")[0])
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PosterityError)
    ]
    return _table(("exception", "exit code", "when"), rows)


def commands() -> str:
    """Every command: what it does, arguments, options, examples."""
    return "\n\n".join(_command(path, command) for path, command in walk(typer.main.get_command(app), "posterity"))


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each command that does something, with its words."""
    if hasattr(command, "commands"):
        for name in sorted(command.commands):
            yield from walk(command.commands[name], f"{path} {name}")
    else:
        yield path, command


def _command(path: str, command: Any) -> str:
    shown = [item for item in command.params if item.name not in {"help", "install_completion", "show_completion"}]
    arguments = [item for item in shown if item.param_type_name == "argument"]
    words = [_argument(item) if item.required else f"[{_argument(item)}]" for item in arguments]
    usage = " ".join([path, *words, *(["[OPTIONS]"] if len(shown) > len(arguments) else [])])
    parts = [f"### `{path}`", _plain(command.help), f"    {usage}"]
    rows = [(f"`{_name(item)}`", _plain(item.help or ""), _default(item)) for item in shown]
    if rows:
        parts.append(_table(("argument or option", "meaning", "default"), rows))
    examples = [line.strip() for line in (command.epilog or "").splitlines()[1:] if line.strip()]
    if examples:
        parts.append("\n".join(["```sh", *examples, "```"]))
    return "\n\n".join(parts)


def _name(item: Any) -> str:
    return _argument(item) if item.param_type_name == "argument" else ", ".join(item.opts)


def _argument(item: Any) -> str:
    return str(item.metavar or item.name).upper()


def _default(item: Any) -> str:
    is_given = item.default is not None and item.default not in ("", False, ()) and not callable(item.default)
    return "" if item.required or not is_given else f"`{item.default}`"


def _plain(text: str) -> str:
    """A docstring as one paragraph per paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def stages() -> str:
    """Every stage in the order of the pipeline: what it does, takes and gives."""
    return "\n\n".join(_stage(name) for name in ORDER)


def _stage(name: str) -> str:
    component = getattr(importlib.import_module(f"components.{name}"), name)
    parts = component.python_func.__doc__.strip().split("\n\n")
    described = dict(_items(next((part for part in parts if part.strip().startswith("Args:")), "")))
    spec = component.component_spec
    rows = [(f"`{key}`", "in", described.get(key, "")) for key in spec.inputs or {} if key != "run"]
    rows += [(f"`{key}`", "out", described.get(key, "")) for key in spec.outputs or {} if key in described]
    rows += [("returned", "out", _plain(part.strip().removeprefix("Returns:"))) for part in parts if "Returns:" in part]
    return "\n\n".join([f"### `{name}`", _plain(parts[0]), _table(("name", "", "what"), rows)])


def _items(arguments: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^ +(\w+): (.+)$", arguments, re.MULTILINE):
        yield match[1], match[2]


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


PARTS: dict[str, Callable[[], str]] = {
    "exit_codes": exit_codes,
    "commands": commands,
    "stages": stages,
}

if __name__ == "__main__":
    main()
