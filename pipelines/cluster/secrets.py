"""Generate the credentials of an overlay and put them into the cluster, and nowhere else: `make secrets`.

    python -m pipelines.cluster.secrets OVERLAY

`manifests/overlays/OVERLAY/secrets.json` lists every Secret as `namespace/name` with its keys. The value of a key is a
text, `{"random": n}` (n characters, made once and then kept), `{"same": "namespace/name/key"}`, or `{"given": "what"}`:
that is yours to give, as `namespace/name/key=value` in `secrets.env` beside it, a file that Git ignores.
"""

import base64
import json
import secrets
import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.cluster.kubectl import MANIFESTS, apply, get_all, kubectl
from posterity.errors import PosterityError, SettingsError

ALPHABET = string.ascii_letters + string.digits
Values = dict[str, str]  # namespace/name/key → value


def main(arguments: list[str]) -> None:
    """Make what is missing and say what was done with each Secret."""
    if len(arguments) != 1:
        sys.exit(str(__doc__))
    try:
        for line in generate(MANIFESTS / "overlays" / arguments[0]):
            print(line)
    except PosterityError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(error.exit_code)


def generate(overlay: Path) -> Iterator[str]:
    """Bring the Secrets of `overlay` in line with its declaration, in namespaces that are made first; a line for each.

    Raises SettingsError naming every value that somebody has to give.
    """
    declared = read_declared(overlay)
    apply(kubectl("kustomize", str(MANIFESTS / "base" / "namespaces")))
    before = _in_cluster(declared)
    after = resolve(declared, before, _given(overlay / "secrets.env"))
    wanted = {name: {key: after[f"{name}/{key}"] for key in keys} for name, keys in declared.items()}
    there = {name: {key: before.get(f"{name}/{key}") for key in keys} for name, keys in declared.items()}
    if different := [_secret(name, values) for name, values in wanted.items() if values != there[name]]:
        apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": different}))
    for name, values in wanted.items():
        yield f"secret {name} {'kept' if values == there[name] else 'changed' if any(there[name].values()) else 'made'}"


def read_declared(overlay: Path) -> dict[str, dict[str, Any]]:
    """namespace/name → key → how it gets its value. Raises SettingsError."""
    path = overlay / "secrets.json"
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(item.parent.name for item in path.parents[1].glob("*/secrets.json")))
        raise SettingsError(f"{path} cannot be read ({error}); OVERLAY is one of {known}") from error


def resolve(declared: Mapping[str, Mapping[str, Any]], before: Values, given: Values) -> Values:
    """The value of every key; what is random stays as it was. Raises SettingsError on what nobody has given."""
    values: Values = {}
    rules = {f"{name}/{key}": rule for name, keys in declared.items() for key, rule in keys.items()}
    missing = [f"{name} ({rule['given']})" for name, rule in rules.items() if _is_missing(name, rule, before, given)]
    if missing:
        raise SettingsError(
            "these values are yours to give, a line NAME=value for each in secrets.env of the overlay: "
            + "; ".join(missing)
        )
    for name, rule in rules.items():
        if isinstance(rule, str):
            values[name] = rule
        elif "random" in rule:
            values[name] = before.get(name) or "".join(secrets.choice(ALPHABET) for _ in range(rule["random"]))
        elif "given" in rule:
            values[name] = given.get(name) or before[name]
    copies = {name: rule["same"] for name, rule in rules.items() if isinstance(rule, dict) and "same" in rule}
    return values | {name: values[source] for name, source in copies.items()}


def _is_missing(name: str, rule: Any, before: Values, given: Values) -> bool:
    return isinstance(rule, dict) and "given" in rule and not (given.get(name) or before.get(name))


def _given(path: Path) -> Values:
    lines = path.read_text().splitlines() if path.is_file() else []
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _in_cluster(declared: Iterable[str]) -> Values:
    values: Values = {}
    for namespace in sorted({name.partition("/")[0] for name in declared}):
        names = [name.partition("/")[2] for name in declared if name.startswith(f"{namespace}/")]
        for item in get_all("secret", names, namespace):
            data = item.get("data") or {}
            values |= {
                f"{namespace}/{item['metadata']['name']}/{key}": base64.b64decode(value).decode()
                for key, value in data.items()
            }
    return values


def _secret(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    namespace, _, own = name.partition("/")
    labels = {"app.kubernetes.io/part-of": "posterity"}
    metadata = {"name": own, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(values)}


if __name__ == "__main__":
    main(sys.argv[1:])
