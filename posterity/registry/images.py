"""Which models an image holds, as the first stage that ran in it has written down."""

import json

from posterity.model.loading import installed_models
from posterity.store import ObjectStore


def note_models(store: ObjectStore, image: str) -> None:
    """Write down the models of the image that this process runs in, once for each image."""
    if image:
        store.put(_key(image), json.dumps(installed_models()).encode())


def models_of(store: ObjectStore, image: str) -> list[str] | None:
    """The models in `image`, None while nothing has run in it."""
    found = store.read(_key(image))
    return list(json.loads(found[0])) if found else None


def _key(image: str) -> str:
    """An image is called the same in whichever registry it lies."""
    name, _, tag = image.rpartition("/")[2].partition(":")
    return f"images/{name}/{tag or 'latest'}.json"
