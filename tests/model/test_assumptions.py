import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.errors import ModelError
from posterity.model.assumptions import failed_assumptions, holds, parse_check, to_inspect
from posterity.model.contract import Assumption

FIGURES = {"coverage_90": 0.7, "drift_z.carrier": 4.2, "input_effect.dep time (min)": 0.02, "rhat_max": math.nan}


def assume(*checks: str) -> list[Assumption]:
    return [Assumption(check, "text", check) for check in checks]


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        ("coverage_90 >= 0.7", True),
        ("coverage_90>0.7", False),
        ("coverage_90 <= 7e-1", True),
        ("coverage_90 < .7", False),
        ("drift_z.carrier <= 3", False),
        ("  input_effect.dep time (min)   <   +0.1 ", True),
        ("crps < 1", None),
        ("rhat_max <= 1.05", False),
        ("rhat_max >= -1", False),
    ],
)
def test_a_check_holds_fails_or_says_nothing(check, outcome):
    assert holds(check, FIGURES) is outcome


BAD = """
coverage_90 | coverage_90 = 1 | coverage_90 >= x | < 3 | 3 >= | a < b < 3 | a < 1.2.3 | a < 1 or 1 | a <= nan | a == 1
| a =< 1 | a < 0x10 | a < 1; b < 2 | __import__('os').system('true')
"""


@pytest.mark.parametrize("check", ["", *BAD.split("|")])
def test_another_form_is_refused_by_name_even_if_its_measure_is_not_there(check):
    with pytest.raises(ModelError, match="is no check of an assumption"):
        holds(check, {})
    with pytest.raises(ModelError, match="is no check of an assumption"):
        to_inspect(assume(check), {}, [])


@given(number=st.floats(allow_nan=False, allow_infinity=False), value=st.floats(allow_nan=False))
def test_any_number_that_python_writes_is_read_back(number, value):
    assert parse_check(f"a.b <= {number!r}") == ("a.b", "<=", number)
    assert holds(f"m >= {number!r}", {"m": value}) is (value >= number)


def test_what_fails_comes_before_what_moved_and_each_says_where_to_look():
    failing, holding, silent, calm = (
        Assumption("alike", "Carriers stay alike.", "drift_z.carrier <= 3", "Look at the carriers."),
        Assumption("covered", "Intervals hold", "coverage_90 >= 0.5"),
        Assumption("sharp", "Forecasts are sharp.", "crps < 1", "Look at the scores."),
        Assumption("punctual", "Time stays.", "input_effect.dep time (min) < 1"),
    )
    assumptions = [calm, silent, holding, failing]
    assert failed_assumptions(assumptions, FIGURES) == [failing]
    assert to_inspect(assumptions, FIGURES, {"coverage_90", "crps", "drift_z.carrier"}) == [
        "alike: Carriers stay alike. Its check `drift_z.carrier <= 3` fails: it is 4.2. Look at the carriers.",
        "sharp: Forecasts are sharp. Its check `crps < 1` is about what moved. Look at the scores.",
        "covered: Intervals hold. Its check `coverage_90 >= 0.5` is about what moved.",
    ]
    assert to_inspect([holding, silent], FIGURES, ()) == []
