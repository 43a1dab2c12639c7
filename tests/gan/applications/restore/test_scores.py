"""PSNR, SSIM beside torchmetrics', and which methods ignore what is known."""

import math

import numpy as np
import pytest
import torch

from ganbench.gan.applications.restore.damage import damage_in, known_of, measured, missing_in, operator_of
from ganbench.gan.applications.restore.scores import agreement, decibels, likeness, spread, ssim_map

GREY = (1, 32, 32)


def image(shape=GREY, seed=0):
    return np.random.default_rng(seed).integers(20, 230, shape, np.uint8)


def test_a_level_that_is_off_everywhere_is_a_known_psnr():
    x = image()
    assert likeness(x + np.uint8(5), x, np.zeros((32, 32), bool)).psnr == pytest.approx(20 * math.log10(255 / 5))
    assert likeness(x, x, np.zeros((32, 32), bool)).psnr == math.inf
    assert decibels(0.01) == pytest.approx(20)


def test_in_the_hole_only_the_hole_counts():
    x, missing = image(), missing_in(damage_in("inpaint:box=8"), GREY)
    other = np.where(missing, x + np.uint8(10), x).astype(np.uint8)
    found = likeness(other, x, missing)
    assert found.psnr_hole == pytest.approx(20 * math.log10(255 / 10))
    assert found.psnr == pytest.approx(found.psnr_hole + 10 * math.log10(1024 / 64))
    assert found.ssim_hole < found.ssim


@pytest.mark.parametrize("shape", [GREY, (3, 32, 32)])
def test_ssim_is_torchmetrics(shape):
    import torchmetrics.functional.image as metrics
    x = image(shape) / 255.0
    y = np.clip(x + np.random.default_rng(1).normal(0, 0.1, shape), 0, 1)
    # It pads by mirroring too, and cuts the padded border off its mean.
    theirs = metrics.structural_similarity_index_measure(
        torch.from_numpy(y)[None], torch.from_numpy(x)[None], data_range=1.0, return_full_image=True)[1][0].numpy()
    assert np.abs(ssim_map(x, y) - theirs).max() < 1e-4


@pytest.mark.parametrize("text", ["inpaint:half", "superres:4", "denoise:0.1", "deblur:1.5,noise=0.05"])
def test_the_truth_does_not_ignore_what_was_measured_and_another_image_does(text):
    damage, x = damage_in(text), image()
    operator = operator_of(damage, GREY)
    y = measured(damage, operator, x, 0, "x")
    known = known_of(damage, GREY, y.shape)
    assert not agreement(x, y, operator, known, damage.noise).ignores
    assert agreement(image(seed=1), y, operator, known, damage.noise).ignores


def test_35_decibels_are_the_border():
    damage, x = damage_in("inpaint:half"), np.full(GREY, 100, np.uint8)
    operator, known = operator_of(damage, GREY), known_of(damage, GREY, GREY)
    y = measured(damage, operator, x, 0, "x")
    for off, ignores in ((4, False), (5, True)):            # 36.1 and 34.2 dB
        found = agreement(x + np.uint8(off), y, operator, known, 0)
        assert found.decibels == pytest.approx(20 * math.log10(255 / off))
        assert found.ignores == ignores


def test_the_spread_is_the_standard_deviation_of_solutions():
    x = np.stack([np.full(GREY, level, np.uint8) for level in (90, 100, 110)])
    assert spread(x) == pytest.approx(10)
    assert spread(x[:1]).max() == 0
