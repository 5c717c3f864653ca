"""What all components have in common."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

DEFAULT_IMAGE = "posterity/stage:dev"


def stage(function: Callable[..., Any]) -> Any:
    """A component from a function whose body calls `posterity.stages.execute`.

    The image holds the library and kfp, so that nothing is installed when a pod starts. Caching is left to the
    stages themselves, which know better than the backend what their results depend on.
    """
    return dsl.component(function, base_image=DEFAULT_IMAGE, install_kfp_package=False)
