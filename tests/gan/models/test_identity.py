"""One model has one identity, however it is named."""

from dataclasses import replace
from pathlib import Path

import torch

from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.types import Workspace

SMALL = {"z_dim": 10, "width": 4, "resolution": 32, "channels": 1}


def weights(path: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    torch.save(DCGAN(**SMALL).state_dict(), path)
    return path


def test_identity_is_content_not_name_or_place(tmp_path):
    a, b = weights(tmp_path / "a.pt"), tmp_path / "b.pt"
    b.write_bytes(a.read_bytes())
    first, second = (resolve(str(path), family="dcgan") for path in (a, b))
    assert first.name != second.name
    assert identity(first) == identity(second)
    assert identity(complete(replace(first, sha256=""), Workspace())) == identity(first)


def test_identity_changes_with_weights_and_with_what_is_made_of_them(tmp_path):
    spec = resolve(str(weights(tmp_path / "a.pt")), family="dcgan")
    other = resolve(str(weights(tmp_path / "b.pt", seed=1)), family="dcgan")
    assert len({identity(spec), identity(other), identity(replace(spec, latent="uniform"))}) == 3
