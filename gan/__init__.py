"""ganbench's library: knowing how good an image generator is.  Needs neither Prefect nor MLflow."""

from gan.evaluate import evaluate
from gan.generators.loading import load
from gan.types import BadInput, ModelSpec, Score, Workspace

__all__ = ["BadInput", "ModelSpec", "Score", "Workspace", "evaluate", "load"]
