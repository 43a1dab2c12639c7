"""Histories that a training keeps inside its checkpoints: lists of numbers, or of objects, in a file of torch.save."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench.gan.checkpoints import read_torch
from ganbench.gan.curves.readers.json_lines import runs_in
from ganbench.gan.curves.table import Run
from ganbench.gan.types import BadInput

LEAST = 16          # numbers of a one-dimensional tensor that is a history rather than a bias
NAMES = ("loss", "hist", "curve", "log", "metric", "score")


def read_history(path: Path) -> list[Run]:
    """Its lists of at least two numbers by their path; no code of the file is run."""
    found = runs_in(plain(read_torch(path, trust_pickle=False)), path.stem, "checkpoint")
    if not found:
        raise BadInput("no-curves",
                       f"{path} is a checkpoint without a history: expected lists of numbers in it, such as "
                       "{'history': {'loss_D': [...]}}.")
    return found


def plain(content: Any, depth: int = 5, named: bool = False) -> Any:
    """Without state dicts: what is left are histories, tensors of numbers among them as lists."""
    import torch

    if isinstance(content, torch.Tensor):
        return content.tolist() if named and content.ndim == 1 and len(content) >= LEAST else (
            content.item() if content.numel() == 1 else None)
    if isinstance(content, Mapping) and depth:
        state = {"exp_avg", "param_groups", "state_dict"} & set(map(str, content))
        return {} if state else {
            str(key): plain(value, depth - 1, named or any(word in str(key).lower() for word in NAMES))
            for key, value in content.items()}
    if isinstance(content, list | tuple) and depth:
        return [plain(value, depth - 1, named) for value in content]
    return content
