"""What two versions are compared by: their products as published, or what their posteriors say of one snapshot."""

from datetime import date

from posterity.data import snapshot
from posterity.data.product import load_product
from posterity.errors import ModelError
from posterity.registry import versions
from posterity.registry.versions import Version
from posterity.release.definition import definition
from posterity.scoring.comparing import Side
from posterity.scoring.files import score_table
from posterity.scoring.scorer import Question, load_scorer
from posterity.store import ObjectStore, Reference

DIGEST = 64  # characters of a SHA-256


def published(store: ObjectStore, version: Version) -> Side:
    """The product of a version. Raises NotFoundError, CorruptError."""
    product = load_product(store, version.references["product"])
    return Side(version.label, _facts(version), product.facts.keys, product.facts.quantities, product.predictions)


def transferred(store: ObjectStore, version: Version, data: Reference) -> Side:
    """What the posterior of a version says of another snapshot. Nothing is fitted anew; the version's own code makes
    the rows to be predicted from it.

    Raises ModelError where the code cannot, DataTestError where the snapshot is quarantined, NotFoundError,
    CorruptError.
    """
    scorer = load_scorer(store, version)
    digest = snapshot.digest_of(data)
    as_of = date.fromisoformat(snapshot.read_manifest(store, digest).as_of)
    targets = scorer.targets_of(snapshot.load(store, data), as_of)
    if targets.empty:
        raise ModelError(f"{version.label} has no rows to predict on snapshot {digest[:12]}; choose another one")
    table = score_table(scorer, targets, Question())
    model = scorer.model
    facts = _facts(version) | {"rows": f"of snapshot {digest[:12]}, as of {as_of}"}
    return Side(f"{version.label} on {digest[:12]}", facts, tuple(model.keys), tuple(model.quantities), table)


def snapshot_of(store: ObjectStore, text: str) -> Reference:
    """The snapshot that is meant by its digest, from six digits on, or by a version that was made from it.

    Raises NotFoundError.
    """
    if "/" in text or "@" in text:
        return versions.get(store, text).references["snapshot"]
    return snapshot.find(store, text)


def _facts(version: Version) -> dict[str, str]:
    """What there is to know of a version beside its rows: days, digests, settings, verdicts, scores."""
    parts = {name: value[:12] if len(value) == DIGEST else value for name, value in definition(version).items()}
    return {
        "data as of": version.as_of,
        "rows": f"as published, for {version.valid_from} to {version.valid_until}",
        "snapshot": snapshot.digest_of(version.references["snapshot"])[:12],
        **parts,
        "gate": version.gate,
        "drift": version.drift,
        **{name: f"{value:.4g}" for name, value in sorted(version.metrics.items())},
    }
