"""The README's own example, as a new user copies it: model, data and command."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\s*posterity run \S+\.py:\w+ .*--source \S+", re.MULTILINE)


def example() -> tuple[list[str], str, list[tuple[str, str]]]:
    """The command's words, the block with the model's class, and all blocks as (language, text)."""
    blocks = BLOCK.findall(README.read_text())
    commands = [match[0] for _, text in blocks for match in [COMMAND.search(text)] if match]
    assert commands, "the README shows no `posterity run FILE.py:CLASS … --source FILE`"
    words = shlex.split(commands[0], comments=True)
    name = words[2].rpartition(":")[2]
    models = [text for language, text in blocks if language == "python" and re.search(rf"^class {name}\b", text, re.M)]
    assert models, f"the README shows no class {name}"
    return words[1:], models[0], blocks


def write_data(folder: Path, name: str, blocks: list[tuple[str, str]]) -> None:
    """The README's CSV block, or what its block that writes the file makes."""
    shown = [text for language, text in blocks if language == "csv"]
    if shown:
        (folder / name).write_text(shown[0])
        return
    writing = [text for language, text in blocks if language == "python" and name in text]
    assert writing, f"the README does not show what is in {name}"
    subprocess.run([sys.executable, "-c", writing[0]], cwd=folder, check=True)


def copy_example(folder: Path) -> list[str]:
    """Put the example's files into `folder`; returns the words of its command."""
    words, model, blocks = example()
    (folder / words[1].partition(":")[0]).write_text(model)
    write_data(folder, words[words.index("--source") + 1], blocks)
    return words
