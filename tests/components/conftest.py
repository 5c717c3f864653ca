"""The bench, for all tests of components."""

from tests.bench import bench, finished, ran, registry

__all__ = ["bench", "finished", "ran", "registry"]
