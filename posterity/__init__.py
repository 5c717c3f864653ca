"""Posterity runs probabilistic models in production on Kubeflow Pipelines.

What a model's author needs is exported here; everything else lives in the subpackages.
"""

from posterity.model.contract import (
    Assumption,
    Contributions,
    Draws,
    Estimand,
    Horizon,
    Limit,
    MCMCModel,
    Metric,
    Model,
    MonteCarloModel,
    PersonalColumn,
    Quantity,
    Release,
)

__version__ = "0.1.0"
__all__ = [
    "Assumption",
    "Contributions",
    "Draws",
    "Estimand",
    "Horizon",
    "Limit",
    "MCMCModel",
    "Metric",
    "Model",
    "MonteCarloModel",
    "PersonalColumn",
    "Quantity",
    "Release",
    "__version__",
]
