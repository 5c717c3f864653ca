"""What is different for users between two versions of a product."""

from collections.abc import Iterator

from posterity.data.product import Product, column, load_product
from posterity.registry.versions import Version
from posterity.release.definition import changes
from posterity.store import ObjectStore


def difference(store: ObjectStore, before: Version, now: Version) -> list[str]:
    """In words: data, definition, rows that came and went, and how far predictions moved. Raises CorruptError."""
    old, new = (load_product(store, version.references["product"]) for version in (before, now))
    days = f"data as of {now.as_of} instead of {before.as_of}" if now.as_of != before.as_of else ""
    lines = [days, *changes(before, now), *_rows(old, new), *_moves(old, new)]
    return [line for line in lines if line]


def _rows(old: Product, new: Product) -> Iterator[str]:
    keys = [set(map(tuple, product.predictions[list(new.facts.keys)].to_numpy())) for product in (old, new)]
    for count, what in ((len(keys[1] - keys[0]), "new"), (len(keys[0] - keys[1]), "no longer there")):
        if count:
            yield f"{count:,} of {len(keys[1]):,} rows are {what}"


def _moves(old: Product, new: Product) -> Iterator[str]:
    """The mean change of each quantity over the rows of both, and the row that moved most for its own uncertainty."""
    keys = list(new.facts.keys)
    both = old.predictions.merge(new.predictions, on=keys, suffixes=("_old", "_new"))
    for quantity in new.facts.quantities:
        mean, sd = column(quantity.name, "mean"), column(quantity.name, "sd")
        if f"{mean}_old" not in both or both.empty:
            continue
        change = both[f"{mean}_new"] - both[f"{mean}_old"]
        relative = change.abs() / both[f"{sd}_old"] if f"{sd}_old" in both else change.abs()
        place = int(relative.to_numpy().argmax())
        row = " ".join(str(both[key].iloc[place]) for key in keys)
        yield (
            f"{quantity.name}: {change.mean():+.3g} {quantity.unit} on average, most for {row} "
            f"({both[f'{mean}_old'].iloc[place]:.3g} → {both[f'{mean}_new'].iloc[place]:.3g})"
        )
