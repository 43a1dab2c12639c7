"""What a generator has learnt from, as far as its model file says; and real images that it has therefore seen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ganbench.gan.applications.augment.copies import Tick, copies_among
from ganbench.gan.applications.augment.data import Part, Real, name_of
from ganbench.gan.datasets import DATASETS, DataFolders, ImageSet
from ganbench.gan.models.images import open_set
from ganbench.gan.recipes.transfer import learnt_by
from ganbench.gan.types import BadInput, Workspace


@dataclass(frozen=True, eq=False)
class Learnt:
    """`data` '': nothing is known.  `images`: those that are here, which may be a part of all `n`; None: none are."""

    data: str = ""
    n: int = 0
    images: ImageSet | None = None
    classes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return self.images is not None and self.images.n == self.n


def learnt_of(model: str, shape: tuple[int, int, int], folders: DataFolders) -> Learnt:
    """What a model of the zoo, a model file or the folder of a training says, with the images if they are here."""
    data = ""
    with suppress(BadInput, OSError, ValueError):
        data = learnt_by(model)
    if not data:
        return Learnt()
    name, _, split = data.partition(":")
    row = DATASETS.get(name)
    for known in (data, f"{name}:train10k") if row and "train10k" in row.splits else (data,):
        with suppress(BadInput, OSError, ValueError):
            side = shape[1] if shape[1] == shape[2] else None
            images = open_set(known, folders, side)
            return Learnt(data, row.splits[split] if row else images.n, images, row.classes if row else images.classes)
    return Learnt(data, row.splits.get(split, 0) if row else 0, None, row.classes if row else ())


def check_named(learnt: Learnt, model: str, **given: str) -> None:
    """Refuse named data that the model has learnt from; `given`: DATA by option."""
    for option, data in given.items():
        if data and is_part(data, learnt.data):
            raise BadInput("no-held-out-images",
                           f"{data} is not unseen by {model}: it is part of {learnt.data}, from whose {learnt.n:,} "
                           f"images the model has learnt; give --{option} with others.")


def is_part(data: str, learnt: str) -> bool:
    """Whether named data are those learnt, or a part: `fashion-mnist:train10k` of `fashion-mnist:train`."""
    (name, _, split), (known, _, whole) = data.partition(":"), learnt.partition(":")
    return name in DATASETS and name.removesuffix("-28") == known.removesuffix("-28") and split.startswith(whole)


def check_copies(part: Part, others: ImageSet, why: str, workspace: Workspace, tick: Tick = lambda n: None) -> None:
    """BadInput: an image of the part is among others; `why` that matters."""
    found = copies_in(part, others, workspace, tick)
    if found:
        place, other = found[0]
        more = f", as are {len(found) - 1:,} others" if len(found) > 1 else ""
        raise BadInput("no-held-out-images",
                       f"{part.name_of(place)} is a copy of {name_of(others, other)}{more}: {why}, so it cannot be "
                       "tested with; take such images out, or give --leave-out.")


def copies_in(
    part: Part, others: ImageSet, workspace: Workspace, tick: Tick = lambda n: None
) -> list[tuple[int, int]]:
    """(place in the part, number of the other image)."""
    if not len(part) or others.shape[1:] != part.images.shape[1:]:
        return []
    return copies_among(part.pictures().images, part.digest, others, workspace, tick)


def openness(learnt: Learnt, real: Real, most: int) -> str:
    """"open": the generator has seen more real images than the classifier, of which there are at most `most`;
    "closed": none but those that the classifier may learn from; "unknown"."""
    if not learnt.data:
        return "unknown"
    if learnt.n > most:
        return "open"
    if learnt.images is None or not learnt.whole:
        return "unknown"
    return "closed" if learnt.images.digest == real.learn.images.digest else "open"
