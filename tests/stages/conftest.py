"""The bench, for all tests of stages."""

from tests.bench import bench, finished, ran, registry

__all__ = ["bench", "finished", "ran", "registry"]
