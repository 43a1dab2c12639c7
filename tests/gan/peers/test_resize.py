"""The resizing rules are those of the tools whose numbers they are meant to give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cleanfid.resize import build_resizer
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from ganbench.gan.features.resize import clean, tf1_bilinear

pytestmark = pytest.mark.long

SIZES = [(32, 32), (64, 64), (256, 256), (298, 300), (299, 299), (512, 512), (48, 80), (1000, 30), (2, 3)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_clean_is_clean_fids(height, width, pictures):
    """Where it shrinks and where it enlarges; measured: 6e-5."""
    images = pictures(height, width)
    resize = build_resizer("clean")
    theirs = np.stack([resize(image.transpose(1, 2, 0)).transpose(2, 0, 1) for image in images])
    assert np.abs(clean(torch.from_numpy(images), 299).numpy() - theirs).max() < 2e-4


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tf1_bilinear_is_torch_fidelitys(height, width, pictures):
    images = torch.from_numpy(pictures(height, width))
    theirs = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    assert (tf1_bilinear(images, 299) - theirs).abs().max() < 1e-3
