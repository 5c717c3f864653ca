"""Make the feature table, shared by all models with the same definition."""

import numpy as np
import pandas as pd

from posterity.data.analysis import analyse
from posterity.data.tables import load_table, store_table
from posterity.errors import DataTestError
from posterity.model.contract import Model
from posterity.model.definition import definition_digest
from posterity.report.data import analysis_section
from posterity.stages.inputs import parse_day
from posterity.stages.runner import Context, Result, Stage

DEFINITION = ("features", "feature_set", "feature_version")


def work(context: Context) -> Result:
    """Build the features and describe them; refuse NaN, infinities and categories without a rule."""
    model = context.model
    clean = load_table(context.store, context.reference("clean"))
    features = model.features(clean)
    refuse_holes(model, features)
    refuse_unseen(model, features, model.targets(clean, parse_day(context.inputs["as_of"])))
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


def refuse_unseen(model: Model, features: pd.DataFrame, targets: pd.DataFrame) -> None:
    """Raise DataTestError where the targets hold a category that is neither trained on nor ruled for."""
    for column in sorted(set(map(str, targets)) & set(map(str, features))):
        is_category = not pd.api.types.is_numeric_dtype(features[column])
        if is_category and model.unseen.get(column, "refuse") == "refuse":
            new = sorted(set(targets[column]) - set(features[column]))
            if new:
                raise DataTestError(
                    f"column {column} of the targets holds {', '.join(map(repr, new[:3]))}, which training has not "
                    f"seen, and model {model.name} has no rule for it; declare unseen = {{{column!r}: 'population'}} "
                    "and predict from the group's prior, or correct the data"
                )


def previous(context: Context) -> pd.DataFrame | None:
    """The feature table of the newest registered version made with another snapshot, None where there is none."""
    from posterity.registry.versions import search

    for version in reversed(search(context.store, context.model.name, {})):
        reference = version.references["features"]
        if reference.meta["clean"] != context.reference("clean").sha256:
            return load_table(context.store, reference)
    return None


STAGE = Stage(work, uses=(*DEFINITION, "targets", "unseen", "outcome"))
