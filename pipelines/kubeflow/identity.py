"""Who acts on a cluster, from a machine outside it."""

from posterity.cluster import is_pod
from posterity.settings import Settings


def user() -> str:
    """The user that the cluster of the settings knows, empty where they name none or no context of kubectl is there.

    Raises UnavailableError when the cluster does not say.
    """
    settings = Settings.from_environment()
    if not settings.api_endpoint or is_pod():
        return ""
    from pipelines.kubeflow.cluster import Cluster

    known = Cluster.of(settings)
    return known.user() if known else ""
