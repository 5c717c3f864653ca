"""Run inside an image: what is in it, as JSON."""

import json
import os
import sys
from importlib.metadata import distributions
from importlib.util import cache_from_source
from pathlib import Path

SITE = Path(next(path for path in sys.path if path.endswith("site-packages")))
FILES = [path for path in SITE.rglob("*") if path.is_file()]
SOURCES = [path for path in FILES if path.suffix == ".py"]


def is_left_over(path: Path) -> bool:
    """Whether nothing that runs needs a file."""
    return path.suffix in {".h", ".pyx", ".pyi"} or bool({"tests", "test"} & set(path.relative_to(SITE).parts[:-1]))


print(
    json.dumps(
        {
            "packages": sorted(f"{found.name.lower()}=={found.version}" for found in distributions(path=[str(SITE)])),
            "uid": os.getuid(),
            "left over": [str(path) for path in FILES if is_left_over(path)],
            "for GPUs": [str(path) for path in FILES if path.suffix == ".so" and "cuda" in path.name],
            "compiled": sum(Path(cache_from_source(str(path))).exists() for path in SOURCES) / len(SOURCES),
        }
    )
)
