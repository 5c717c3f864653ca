"""What one would write with FastAPI: a row of a data frame; and, for speed, rows that were put into a dictionary."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from fastapi import FastAPI, HTTPException

app = FastAPI()
FACTS, ROWS = json.loads(Path(os.environ["ROWS"]).read_text())
FRAME = pd.DataFrame(ROWS).set_index(["kind", "place"]).sort_index()
BY_KEY = {(row["kind"], row["place"]): row for row in ROWS}


@app.get("/predictions/{kind}/{place}")
def by_key(kind: str, place: str) -> dict[str, Any]:
    """The plain way."""
    try:
        return {**FACTS, "prediction": {"kind": kind, "place": place, **FRAME.loc[(kind, place)].to_dict()}}
    except KeyError:
        raise HTTPException(404, f"no row {kind}, {place}") from None


@app.get("/predictions")
def page(kind: str, start: int = 0, limit: int = 100) -> dict[str, Any]:
    """A page of the rows of a kind."""
    rows = FRAME.loc[[kind]]
    return {
        **FACTS,
        "rows": len(rows),
        "predictions": rows.iloc[start : start + limit].reset_index().to_dict("records"),
    }


@app.get("/dictionary/{kind}/{place}")
async def from_dictionary(kind: str, place: str):  # noqa: ANN201 (as it comes, FastAPI works out how to serialise it)
    """The quick way."""
    return {**FACTS, "prediction": BY_KEY[kind, place]}
