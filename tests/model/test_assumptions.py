import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posterity.errors import ModelError
from posterity.model.assumptions import failed_assumptions, holds, parse_check, watching_assumptions
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
        watching_assumptions(assume(check), ["a"])


@given(number=st.floats(allow_nan=False, allow_infinity=False), value=st.floats(allow_nan=False))
def test_any_number_that_python_writes_is_read_back(number, value):
    assert parse_check(f"a.b <= {number!r}") == ("a.b", "<=", number)
    assert holds(f"m >= {number!r}", {"m": value}) is (value >= number)


def test_failed_and_watching():
    failing, holding, silent = assume("drift_z.carrier <= 3", "coverage_90 >= 0.5", "crps < 1")
    assert failed_assumptions([failing, holding, silent], FIGURES) == [failing]
    assert watching_assumptions([failing, holding, silent], {"coverage_90", "crps"}) == [holding, silent]
