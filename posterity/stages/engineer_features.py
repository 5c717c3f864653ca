"""Make the feature table, shared by all models with the same definition."""

import numpy as np
import pandas as pd

from posterity.data.analysis import analyse
from posterity.data.tables import load_table, store_table
from posterity.errors import DataTestError
from posterity.model.contract import Model
from posterity.model.definition import definition_digest
from posterity.report.data import analysis_section
from posterity.stages.runner import Context, Result, Stage

DEFINITION = ("features", "feature_set", "feature_version")


def work(context: Context) -> Result:
    """Build the features and describe them; refuse NaN and infinities."""
    model = context.model
    clean = load_table(context.store, context.reference("clean"))
    features = model.features(clean)
    refuse_holes(model, features)
    facts = {
        "feature_set": model.feature_set or model.name,
        "feature_version": model.feature_version,
        "definition": definition_digest(model, DEFINITION),
        "clean": context.reference("clean").sha256,
    }
    reference = store_table(context.store, features, "features", **facts)
    return Result(
        {"features": reference}, section=analysis_section(analyse(features, previous(context), *model.outcome))
    )


def refuse_holes(model: Model, features: pd.DataFrame) -> None:
    """Raise DataTestError naming the columns of `features` that hold NaN or infinities."""
    numbers = features.select_dtypes("number")
    infinite = {str(name) for name in numbers if np.isinf(numbers[name].to_numpy(float)).any()}
    holes = sorted(infinite | {str(name) for name in features if features[name].isna().any()})
    if holes:
        raise DataTestError(
            f"features of model {model.name} hold NaN or infinities in {', '.join(holes)}; "
            "fill or drop them in `preprocess` or `features`"
        )


def previous(context: Context) -> pd.DataFrame | None:
    """The feature table of the newest registered version made with another snapshot, None where there is none."""
    from posterity.registry.versions import search

    for version in reversed(search(context.store, context.model.name, {})):
        reference = version.references["features"]
        if reference.meta["clean"] != context.reference("clean").sha256:
            return load_table(context.store, reference)
    return None


STAGE = Stage(work, uses=(*DEFINITION, "outcome"))
