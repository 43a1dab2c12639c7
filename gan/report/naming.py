"""Names for charts and tables: models without what all their names share, and the data set as people write it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

PARTS = re.compile(r"([-_/. ])")
WRITTEN = {"mnist": "MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "ffhq": "FFHQ", "imagenet": "ImageNet",
           "celeba": "CelebA", "lsun": "LSUN"}


def brief(names: Sequence[str]) -> list[str]:
    """`dcgan, gpt` for `dcgan-fashion-mnist, gpt-fashion-mnist`: whole words that all names begin or end with are left
    out."""
    parts = [PARTS.split(name) for name in names]
    while len(names) > 1 and min(map(len, parts)) > 2 and len({tuple(words[-2:]) for words in parts}) == 1:
        parts = [words[:-2] for words in parts]
    while len(names) > 1 and min(map(len, parts)) > 2 and len({tuple(words[:2]) for words in parts}) == 1:
        parts = [words[2:] for words in parts]
    found = ["".join(words) for words in parts]
    return found if all(found) else list(names)


def data_name(reference: str) -> str:
    """`Fashion-MNIST` for `fashion-mnist:test`; the last part of a path."""
    name = Path(reference).name if "/" in reference else reference.partition(":")[0]
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        return name
    return "-".join(WRITTEN.get(word, word if word.isdigit() else word.capitalize()) for word in name.split("-"))
