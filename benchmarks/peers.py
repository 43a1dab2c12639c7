"""The FID network in three programs with one file of weights: ours, torch-fidelity's, pytorch-fid's.

The published weights are not needed: speed does not depend on values as long as they stay ordinary numbers.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganbench import Workspace
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.inception import FILE, Inception
from ganbench.gan.features.passing import extract
from ganbench.gan.images import write_folder
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of

Features = Callable[[], np.ndarray]                         # reads the files anew, -> (n, 2048)


def random_weights(folder: Path) -> Path:
    """A file of He-normal weights under the keys, and the name, of pytorch-fid's; -> its path."""
    random = torch.Generator().manual_seed(0)
    path = folder / "checkpoints" / FILE                    # where torch.hub looks, so that pytorch-fid finds it
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: random_value(name, value, random) for name, value in Inception().state_dict().items()}, path)
    return path


def random_value(name: str, value: Tensor, random: torch.Generator) -> Tensor:
    if value.ndim > 1:
        return torch.randn(value.shape, generator=random) * (2 / value[0].numel()) ** 0.5
    if name.endswith(("running_var", "bn.weight")):
        return torch.rand(value.shape, generator=random) + 0.5
    return torch.zeros_like(value) if value.ndim == 0 else torch.randn(value.shape, generator=random) * 0.1


def pictures(folder: Path, n: int, seed: int, size: int = 32) -> Path:
    """A folder of n PNG files, RGB noise."""
    images = np.random.default_rng(seed).integers(0, 256, (n, 3, size, size), np.uint8)
    write_folder(images, folder)
    return folder


def ours(images: Path, weights: Path) -> Callable[[int, int], np.ndarray]:
    """(first, last) image of a folder -> features by `gan`, one thread of the caller's."""
    workspace = Workspace(home=str(weights.parent / "home"), inception_weights=str(weights))
    spec = resolve(str(images), workspace, data=True)
    generator, extractor = generator_of(spec, workspace), extractor_of("inception", workspace)

    def run(first: int, last: int) -> np.ndarray:
        return extract(draw(generator, spec, 0, first, last)["images"], extractor)["features"]

    return run


def torch_fidelity(files: Sequence[Path], weights: Path, batch: int) -> Features:
    """torch-fidelity's own loop: the features of FID and the logits of IS, as ours."""
    from torch_fidelity.datasets import ImagesPathDataset
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.utils import get_featuresdict_from_dataset

    network = FeatureExtractorInceptionV3("fid", ["2048", "logits_unbiased"], str(weights))
    data = ImagesPathDataset([str(file) for file in files])
    return lambda: get_featuresdict_from_dataset(data, network, batch, False, True, False)["2048"].numpy()


def pytorch_fid(files: Sequence[Path], weights: Path, batch: int) -> Features:
    """pytorch-fid's own loop: the features of FID."""
    from pytorch_fid import fid_score
    from pytorch_fid.inception import InceptionV3

    vars(fid_score)["tqdm"] = iter                          # no bar
    torch.hub.set_dir(str(weights.parent.parent))
    with contextlib.redirect_stderr(io.StringIO()):
        network = InceptionV3([3])
    return lambda: fid_score.get_activations(list(files), network, batch, num_workers=0)
