"""What the predictions are worth to somebody who warns passengers of bad routes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from posterity.model.contract import Array

Flags = NDArray[np.bool_]

BAD = 0.3  # a route is bad in a month in which 30 % of its flights or more are disrupted
MISSED, FALSE = 3.0, 1.0  # cost per flight of a bad route not warned of, and of a warning for nothing


def decision_metrics(mean: Array, upper: Array, happened: Array, flights: Array) -> Mapping[str, float]:
    """Cost of missed and of false warnings per flight, precision and recall of the warnings, and ROC-AUC of the mean.

    All of shape (routes,): predicted mean and 75 % quantile of the share, the share that happened, and the number of
    flights. Warning costs less in expectation when P(bad) is above FALSE / (FALSE + MISSED) = 1/4, which is when the
    75 % quantile reaches BAD. A figure without any case to judge by is NaN.
    """
    warned, bad = upper >= BAD, happened >= BAD
    cost = np.where(bad & ~warned, MISSED, 0.0) + np.where(warned & ~bad, FALSE, 0.0)
    return {
        "decision_loss": float((cost * flights).sum() / flights.sum()) if flights.sum() else float("nan"),
        "precision": _share(bad, warned),
        "recall": _share(warned, bad),
        "roc_auc": _roc_auc(mean, bad),
    }


def _share(of: Flags, among: Flags) -> float:
    return float(of[among].mean()) if among.any() else float("nan")


def _roc_auc(score: Array, bad: Flags) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(bad, score)) if bad.any() and not bad.all() else float("nan")
