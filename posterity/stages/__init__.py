"""The stages: one module each, and the runner that they share."""

from posterity.stages.runner import Context, Result, Stage, execute

__all__ = ["Context", "Result", "Stage", "execute"]
