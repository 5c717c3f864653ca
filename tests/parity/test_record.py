"""The recorder, run as a team would run it: in a process of its own."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posterity.parity import load_legacy

RECORDER = [sys.executable, "-W", "error", "-m", "posterity.parity.record"]

SCRIPT = """
from __future__ import annotations
import sys
import pandas as pd
import numpy as np

df = pd.DataFrame({"key": [1, 2, 3], "x": [1.0, None, 3.0]})
print("rows", len(df))
clean = df.dropna().copy()
df = df.assign(x=0.0)
feat = clean.assign(square=clean["x"] ** 2)
feat["late"] = True
def fit():
    draws = np.arange(24.0).reshape(2, 4, 3)
    trace = {"a": draws}
    trace = {"a": draws + 1, "b": draws[..., 0]}
    return trace
posterior = fit()
if __name__ == "__main__":
    pred = clean.set_index("key")
    sys.stderr.write(f"{sys.argv[1:]} {__file__}\\n")
"""

MAP = {"raw": "df#1", "clean": "clean", "features": "feat", "posterior": "trace", "predictions": "pred"}


def run(tmp_path, text=SCRIPT, variables=MAP, arguments=(), out="out"):
    script = tmp_path / "script.py"
    script.write_text(text)
    (tmp_path / "map.json").write_text(json.dumps({"variables": variables}))
    command = [*RECORDER, "--map", str(tmp_path / "map.json"), str(tmp_path / out), str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def facts(tmp_path, out="out"):
    return json.loads((tmp_path / out / "record.json").read_text())


def test_tables_draws_and_the_facts_of_the_run_are_recorded(tmp_path):
    done = run(tmp_path, arguments=["2013-03-31", "--fast"])
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rows 3\n"
    assert f"['2013-03-31', '--fast'] {tmp_path}/script.py" in done.stderr
    assert (tmp_path / "script.py").read_text() == SCRIPT
    found = facts(tmp_path)
    assert found["sha256"] == hashlib.sha256(SCRIPT.encode()).hexdigest()
    assert found["packages"]["pandas"] == pd.__version__
    assert found["seconds"] > 0
    assert (found["ended"], found["missing"]) == ("at its end", {})
    legacy = load_legacy(tmp_path / "out")
    assert legacy.tables["raw"]["x"].sum() == 4  # as it was before it was bound again
    assert list(legacy.tables["features"].columns) == ["key", "x", "square", "late"]
    assert list(legacy.product.columns) == ["key", "x"]  # a named index is a column
    assert legacy.posterior.values["a"][0, 0, 0] == 1  # the last binding inside the function
    assert legacy.posterior.shape == (2, 4)


def test_a_script_without_a_map_has_variables_named_as_the_stages(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import pandas as pd\nraw = pd.DataFrame({'a': [1]})\nclean = raw\n")
    done = subprocess.run([*RECORDER, str(tmp_path / "out"), str(script)], timeout=120, check=False)
    assert done.returncode == 0
    assert set(facts(tmp_path)["stages"]) == {"raw", "clean"}
    assert facts(tmp_path)["missing"]["posterior"] == "the script never bound posterior"


@pytest.mark.parametrize(
    ("ending", "status", "ended"),
    [
        ("1 / 0", 1, "with ZeroDivisionError: division by zero"),
        ("sys.exit(0)", 0, "at its end"),
        ("sys.exit(7)", 7, "with exit status 7"),
        ("sys.exit('no data')", 1, "with exit status 1"),
    ],
)
def test_of_a_script_that_stops_everything_until_then_is_kept_and_said(tmp_path, ending, status, ended):
    done = run(tmp_path, SCRIPT.replace("posterior = fit()", ending))
    assert done.returncode == status
    found = facts(tmp_path)
    assert found["ended"] == ended
    assert set(found["stages"]) == {"raw", "clean", "features"}
    assert found["missing"] == {
        "posterior": "the script never bound trace",
        "predictions": "the script never bound pred",
    }
    if ended.startswith("with Zero"):
        assert 'script.py", line 18, in <module>' in done.stderr
    if "no data" in ending:
        assert done.stderr == "no data\n"


def test_of_a_script_that_is_killed_what_was_written_is_kept(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("posterior = fit()", "import time; time.sleep(60)"))
    (tmp_path / "map.json").write_text(json.dumps({"variables": MAP}))
    command = [*RECORDER, "--map", str(tmp_path / "map.json"), str(tmp_path / "out"), str(script)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    record = tmp_path / "out" / "record.json"
    while not (record.exists() and json.loads(record.read_text())["stages"]) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert facts(tmp_path)["ended"].startswith("by being killed")
    assert load_legacy(tmp_path / "out").tables["raw"]["x"].sum() == 4


def test_inference_data_is_recorded_with_its_labels(tmp_path):
    text = """
import arviz as az, numpy as np
trace = az.from_dict({"effect": np.zeros((2, 5, 3)), "level": np.ones((2, 5))}, coords={"route": ["a", "b", "c"]},
                     dims={"effect": ["route"]})
"""
    done = run(tmp_path, text.replace("import arviz", "import warnings; warnings.simplefilter('ignore')\nimport arviz"))
    assert done.returncode == 0, done.stderr
    drawn = load_legacy(tmp_path / "out").posterior
    assert {name: value.shape for name, value in drawn.values.items()} == {"effect": (2, 5, 3), "level": (2, 5)}
    assert (drawn.dims["effect"], drawn.coords["route"]) == (("route",), ["a", "b", "c"])


def test_what_is_no_table_or_no_draws_is_noted_and_disturbs_nothing(tmp_path):
    text = (
        "import pandas\nraw, clean, pred, trace = 5, [1, 2], 3, {'a': 1.0}\nfeat = pandas.DataFrame({'a': [1, 'x']})\n"
    )
    done = run(tmp_path, text, {**MAP, "raw": "raw"})
    assert done.returncode == 0, done.stderr
    missing = facts(tmp_path)["missing"]
    assert missing["raw"] == "raw cannot be recorded: it is a int, not a table"
    assert "needs the axes (chains, draws, …)" in missing["posterior"]
    assert missing["features"].startswith("feat cannot be recorded")
    assert facts(tmp_path)["stages"] == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("for x in [a, b]:\n    pass", 2),  # every turn is tapped, and the last value counts
        ("with open_table(a) as x:\n    x = b", 1),
        ("x: object\nx = a\nx = b", 1),
        ("x, y = a, b\nx = b", 1),
        ("try:\n    x = a\nexcept KeyError:\n    x = b\nx = b", 1),
        ("if True:\n    x = a\nelse:\n    x = b", 1),
        ("[x for x in [b]]\nx = a", 1),
        ("x = b\nx = a", 2),
    ],
)
def test_a_variable_is_tapped_where_it_is_bound(tmp_path, text, expected):
    head = (
        "import pandas as pd, contextlib\na = pd.DataFrame({'v': [1]})\nb = pd.DataFrame({'v': [2]})\n"
        "open_table = contextlib.nullcontext\n"
    )
    done = run(tmp_path, head + text + "\n", {"raw": "x#1"})
    assert done.returncode == 0, done.stderr
    assert load_legacy(tmp_path / "out").tables["raw"]["v"].tolist() == [expected]


def test_processes_that_the_script_starts_record_nothing(tmp_path):
    text = (
        "import os, pandas as pd\n"
        "def work(n):\n    raw = pd.DataFrame({'n': [n]})\n    return raw\n"
        "work(1)\n"
        "child = os.fork()\n"
        "if child == 0:\n    work(2)\n    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    assert run(tmp_path, text, {"raw": "raw"}).returncode == 0
    assert load_legacy(tmp_path / "out").tables["raw"]["n"].tolist() == [1]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"raws": "df"}, "stages of raw, clean"),
        ({"raw": "df-1"}, "'df-1' is neither NAME nor NAME#number"),
        ({"raw": "df#0"}, "'df#0' is neither"),
    ],
)
def test_a_bad_map_is_refused_before_anything_runs(tmp_path, variables, message):
    done = run(tmp_path, variables=variables)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_record_is_not_written_over_and_a_script_must_be_there(tmp_path):
    assert run(tmp_path).returncode == 0
    again = run(tmp_path)
    assert again.returncode == 2
    assert "holds a record already" in again.stderr
    missing = subprocess.run([*RECORDER, "x", "none.py"], capture_output=True, text=True, timeout=60, check=False)
    assert "none.py: no such script" in missing.stderr


def test_a_copy_of_the_recorder_alone_is_enough(tmp_path):
    """It runs in the environment of the old script, where Posterity is not installed."""
    from posterity.parity import record

    copy = tmp_path / "record.py"
    copy.write_text(Path(record.__file__).read_text())
    (tmp_path / "script.py").write_text("import pandas as pd\nraw = pd.DataFrame({'a': [1]})\n")
    guard = (
        "import sys, runpy; sys.modules['posterity'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", guard, str(copy), str(tmp_path / "out"), str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(load_legacy(tmp_path / "out").tables["raw"]["a"], [1])
