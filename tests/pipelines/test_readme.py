"""The README's own example goes through all stages without a change to the library."""

import json

from posterity.runs import ORDER
from tests.pipelines.conftest import Newcomer


def test_the_example_of_the_readme_runs_through_all_stages(newcomer: Newcomer) -> None:
    done = newcomer.folder.command("results", "first", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["state"] == "done"
    assert facts["gate"] == "pass"
    assert facts["version"].endswith("/1")
    assert {name.partition(".")[0] for name in facts["stages"]} == set(ORDER)


def test_the_command_with_which_the_readme_tries_it(newcomer: Newcomer) -> None:
    trial = newcomer.folder.command("test", *newcomer.words[1:6])
    assert trial.returncode == 0, trial.stdout + trial.stderr
