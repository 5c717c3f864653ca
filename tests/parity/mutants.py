"""Subtle mistakes, one or more per stage of legacy/flights.py, as patches of its text.

Each is of the kind that people make, leaves the script running, and gives numbers that look right.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Mutant:
    """A mistake: `old` becomes `new`; stage: the one that `compare` has to name; where: a word its finding has.

    part: how much of the script has to run to see it. `tables`: up to the features; `sampling`: all of it, with few
    draws; `draws`: all of it but the sampling, in whose place come draws without a mistake.
    """

    name: str
    stage: str
    where: str
    part: Literal["tables", "sampling", "draws"]
    old: str
    new: str


MUTANTS = (
    Mutant(
        "outcomes of next month are known",
        "raw",
        "arr_delay",
        "tables",
        'for c in ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]:',
        'for c in ["dep_time", "dep_delay", "arr_time", "air_time"]:',
    ),
    Mutant(
        "cancelled flights count as on time",
        "clean",
        "disrupted",
        "tables",
        'clean["disrupted"] = clean["late"] | clean["diverted"] | clean["cancelled"]',
        'clean["disrupted"] = clean["late"] | clean["diverted"]',
    ),
    Mutant(
        "diverted flights are dropped",
        "clean",
        "rows",
        "tables",
        'clean = clean.sort_values(["time_hour", "carrier", "flight"], kind="stable").reset_index(drop=True)',
        'clean = clean[~clean["diverted"]].sort_values(["time_hour", "carrier", "flight"], kind="stable")'
        ".reset_index(drop=True)",
    ),
    Mutant(
        "a quarter of an hour is not yet late",
        "clean",
        "late",
        "tables",
        'clean["late"] = clean["known"] & (df["arr_delay"] >= 15)',
        'clean["late"] = clean["known"] & (df["arr_delay"] > 15)',
    ),
    Mutant(
        "departure blocks begin an hour late",
        "clean",
        "block",
        "tables",
        'clean.loc[h < 13, "block"] = "09-12"',
        'clean.loc[h <= 13, "block"] = "09-12"',
    ),
    Mutant(
        "the last day of a month is left out of its cells",
        "features",
        "flights",
        "tables",
        'past = clean[clean["known"]].copy()',
        'past = clean[clean["known"] & (pd.to_datetime(clean["time_hour"]).dt.tz_localize(None) < as_of)].copy()',
    ),
    Mutant(
        "bins of delays are closed on the other side",
        "features",
        "delay_",
        "tables",
        'past[name] = (past["arr_delay"] >= lo) & (past["arr_delay"] < hi)',
        'past[name] = (past["arr_delay"] > lo) & (past["arr_delay"] <= hi)',
    ),
    Mutant(
        "the rate of a prior is taken for its scale",
        "posterior",
        "sigma_month",
        "sampling",
        'sigma_month = pm.Gamma("sigma_month", alpha=4, beta=4 / 0.3)',
        'sigma_month = pm.Gamma("sigma_month", alpha=4, beta=0.3 / 4)',
    ),
    Mutant(
        "carriers need not sum to zero",
        "posterior",
        "carrier_effect",
        "sampling",
        'carrier_effect = pm.ZeroSumNormal("carrier_effect", sigma=sigma_carrier, dims="carrier")',
        'carrier_effect = pm.Normal("carrier_effect", 0, sigma_carrier, dims="carrier")',
    ),
    Mutant(
        "one chain is there twice",
        "posterior",
        "draws of the legacy run",
        "draws",
        'print("divergences:"',
        'idata = idata.isel(chain=[0, 0])\nprint("divergences:"',
    ),
    Mutant(
        "draws are thinned by what they are",
        "posterior",
        "month_",
        "draws",
        'print("divergences:"',
        "order = idata.posterior['month_effect'].mean('month').mean('chain').argsort().to_numpy()\n"
        'idata = idata.isel(draw=np.sort(order[: DRAWS // 2]))\nprint("divergences:"',
    ),
    Mutant(
        "next month is taken to be like the last",
        "predictions",
        "disrupted_",
        "draws",
        'v_level = post["month_next"].to_numpy()',
        'v_level = post["month_effect"].isel(month=-1).to_numpy()',
    ),
    Mutant(
        "two quantiles are swapped",
        "table",
        "disrupted_q",
        "draws",
        "[0.05, 0.25, 0.5, 0.75, 0.95]",
        "[0.05, 0.25, 0.5, 0.95, 0.75]",
    ),
    Mutant(
        "the interval has another level",
        "table",
        "disrupted_q95",
        "draws",
        "[0.05, 0.25, 0.5, 0.75, 0.95]",
        "[0.1, 0.25, 0.5, 0.75, 0.9]",
    ),
    Mutant(
        "routes of a single flight are left out",
        "table",
        "rows",
        "draws",
        'pred = pred.sort_values(["carrier", "origin", "dest"]).reset_index(drop=True)',
        'pred = pred[pred["flights"] > 1].sort_values(["carrier", "origin", "dest"]).reset_index(drop=True)',
    ),
)


def patch(text: str, old: str, new: str) -> str:
    """`text` with its only `old` replaced. Raises AssertionError when the patch does not apply any more."""
    assert text.count(old) == 1, f"the script has {text.count(old)} places like {old!r}; mend the patch"
    return text.replace(old, new)
