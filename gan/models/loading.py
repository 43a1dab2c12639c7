"""Resolving and loading models: MODEL -> complete `ModelSpec`, and MODEL or spec -> `Generator`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganbench.gan.files import atomic_write
from ganbench.gan.generators.base import Generator
from ganbench.gan.models.identity import identity
from ganbench.gan.models.names import ZOO, images_named, named
from ganbench.gan.models.openers import complete, opened
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.types import CompleteSpec, ModelSpec, Workspace


def resolve(
    model: str,
    workspace: Workspace | None = None,
    *,
    data: bool = False,
    family: str = "",
    factory: str = "",
    arguments: Mapping[str, Any] | None = None,
    weights_key: str = "",
    trust_pickle: bool = False,
    zoo: Path = ZOO,
    preprocessing: tuple[str, ...] = (),
) -> CompleteSpec:
    """`zoo:NAME`, a TOML model file, a weights file, a .pt2, a folder of diffusers or ImageGPT, `hf:ORG/REPO@REVISION`,
    or images (a folder, .npz, .parquet or named data set).

    The files are checked: weights must fit the family, images must be readable and of one size.  The returned spec has
    the sha256 of the weights, or the digest of the images.  `data`: only images.  `preprocessing`: the steps of
    `ganbench.gan.preprocessing` that are applied to the images.  No factory is imported, and no code of a file is run.
    """
    workspace = workspace or Workspace()
    workspace = replace(workspace, trust_pickle=trust_pickle or workspace.trust_pickle)
    if data:
        spec = images_named(model, arguments or {})
    else:
        spec = named(model, family=family, factory=factory, arguments=arguments, weights_key=weights_key, zoo=zoo)
    return complete(replace(spec, preprocessing=preprocessing), workspace)


def load(model: str | ModelSpec, workspace: Workspace | None = None, *, trust_pickle: bool = False) -> Generator:
    """The model on the workspace's device, in eval mode, its weights checked and frozen.

    `model`: a spec, or what `resolve` takes: zoo:NAME, a TOML model file, or images.  Families and
    `ganbench.gan.checkpoints` run nothing from a file; a factory runs the user's module.
    """
    workspace = workspace or Workspace()
    workspace = replace(workspace, trust_pickle=trust_pickle or workspace.trust_pickle)
    return opened(resolve(model, workspace) if isinstance(model, str) else model, workspace)


def model_file(spec: ModelSpec, workspace: Workspace) -> str:
    """A model that was given as a spec, as a file in the home folder, named by its identity."""
    path = workspace.root / "models" / f"{identity(spec)[:32]}.toml"
    text = write_spec(replace(spec, weights=str(Path(spec.weights).absolute()) if spec.weights else ""))
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))
    return str(path)
