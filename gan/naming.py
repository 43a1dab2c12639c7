"""Names for charts and tables: models without what all their names share, and data sets as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

SEPARATORS = "-_./ "
WRITTEN = {"mnist": "MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "ffhq": "FFHQ", "imagenet": "ImageNet",
           "celeba": "CelebA", "lsun": "LSUN"}


def short_names(names: Sequence[str]) -> tuple[list[str], str]:
    """The names without the words that all of them begin or end with, and these words; nobody loses the whole name."""
    if len(set(names)) < 2:
        return list(names), ""
    start, end = shared(names), shared([name[::-1] for name in names])[::-1]
    if any(len(name) <= len(start) + len(end) for name in names):
        start = ""
    if any(len(name) <= len(start) + len(end) for name in names):
        end = ""
    said = [f"{start}…"] * bool(start) + [f"…{end}"] * bool(end)
    return [name[len(start) : len(name) - len(end)] for name in names], " and ".join(said)


def brief(names: Sequence[str]) -> list[str]:
    """`dcgan, gpt` for `dcgan-fashion-mnist, gpt-fashion-mnist`."""
    return short_names(names)[0]


def shared(names: Sequence[str]) -> str:
    """What all names begin with, up to a separator; '' where it is a whole name."""
    same = 0
    while all(len(name) > same and name[same] == names[0][same] for name in names):
        same += 1
    if any(len(name) == same for name in names):
        return ""
    last = max(names[0].rfind(separator, 0, same) for separator in SEPARATORS)
    return names[0][: last + 1]


def short_metric(metric: str, extractor: str) -> str:
    """`kid` of kid_efficientnet_lite0, where the extractor is said beside it; `fid` stays, which is of one network."""
    return metric.removesuffix(f"_{extractor}") if extractor else metric


def data_name(reference: str) -> str:
    """`Fashion-MNIST` for `fashion-mnist:test`; the last part of a path."""
    name = Path(reference).name if "/" in reference else reference.partition(":")[0]
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        return name
    return "-".join(WRITTEN.get(word, word if word.isdigit() else word.capitalize()) for word in name.split("-"))
