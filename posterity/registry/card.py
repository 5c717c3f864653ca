"""The model card of a version (Mitchell et al. 2019), generated from its record."""

from posterity.registry.versions import Version


def model_card(version: Version) -> str:
    """Markdown: what it predicts, how far it can be trusted, what it was made from and how to make it again."""
    metrics = "\n".join(f"| {name} | {value:.4g} |" for name, value in sorted(version.metrics.items()))
    parts = "\n".join(f"| {name} | `{item.sha256}` |" for name, item in version.references.items())
    settings = ", ".join(f"{name} = {value}" for name, value in version.parameters.items())
    return f"""# {version.label}

Predictions of `{version.model}` as of {version.as_of}, valid from {version.valid_from} to {version.valid_until}.
Made by run `{version.run}` ({version.created}) with {settings}.

Convergence gate: **{version.gate}**. Drift against the verified baseline: **{version.drift}**.

| metric | value |
|---|---|
{metrics}

## Made of

Every part is kept once, in the object store, under its SHA-256; large ones are mirrored here as references.

| part | SHA-256 |
|---|---|
{parts}

Make it again with `posterity reproduce {version.label}`.
"""
