"""An audit of a model for copies of training images; results are stored.  See `ganbench.gan.copying`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from ganbench.gan.copying import Audit, Match, look_for_copies
from ganbench.gan.protocols import share_of
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store, remember
from ganbench.gan.types import BadInput, Estimate, Features, Samples, digest_of

LEAST = 50                  # least number of generated images
IMAGES = 2_000              # default number of generated images
METRICS = "authpct,ct,copies"

Tick = Callable[[int], object]


def question_of(model: str, asked: Question) -> Question:
    """The protocol of an audit; the training images are known only for models of the zoo."""
    training, n = asked.training, asked.n or IMAGES
    if not training and not model.startswith("zoo:"):
        raise BadInput("no-training-data",
                       f"An audit of {model} needs its training images: give --training with a name of "
                       "`ganbench datasets`, or a folder, .npz or .parquet of images.")
    if n < LEAST:
        raise BadInput("too-few-images", f"An audit needs at least {LEAST} images, got --n {n}.")
    if asked.held_out:
        training = training or protocol_of(Question()).training
    return Question(n=n, reference=training, held_out=asked.held_out, training=training, metrics=METRICS,
                    extractor=asked.extractor, resize=asked.resize, pad=asked.pad, colours=asked.colours)


def check_unseen(held_out: str, unseen: str, n: int) -> None:
    """Refuse an audit without the requested unseen images; `unseen`: their role in the job, '' for none."""
    if held_out and not unseen and share_of(held_out):
        raise BadInput("no-held-out-images",
                       f"The model has seen {held_out} of its training images as well as the others: an audit needs "
                       "--held-out with real images of another set.")
    if held_out and not unseen:
        raise BadInput("no-held-out-images",
                       f"{held_out} gives no unseen images: it is the training set itself, or has fewer than the "
                       f"{n:,} images that are audited; in the latter case give a smaller --n.")


def audit(
    images: dict[str, Samples], features: dict[str, Features], unseen: str, store: Store, tick: Tick = lambda n: None
) -> Audit:
    """`images` and `features` by role: generated, training and, unless it is '', the role `unseen`."""
    roles = ["generated", "training", *([unseen] if unseen else [])]
    key = digest_of({
        "stage": "audit", "images": [images[role].digest for role in roles],
        "features": [features[role].digest for role in roles],
        "source": source_digest("audit"),
    })
    found, _ = remember(store, "audits", key, lambda: asdict(look_for_copies(images, features, unseen, tick)))
    estimates = {name: Estimate(**found[name]) if found[name] else None for name in ("copies", "nearer")}
    return Audit(**{**found, **estimates, "matches": tuple(Match(**row) for row in found["matches"])})
