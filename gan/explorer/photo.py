"""A picture from outside as a state: the latent whose image is nearest to it."""

from __future__ import annotations

import numpy as np

from ganbench.gan.drawing import draw
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.state import Latent, State
from ganbench.gan.images import decode
from ganbench.gan.inversion import Way, invert
from ganbench.gan.photos import photo
from ganbench.gan.range_test import plain
from ganbench.gan.types import BadInput

MOST_BYTES = 64_000_000     # of a file


def state_from(explored: Explored, data: bytes, state: State) -> tuple[State, float]:
    """An encoded image -> a state with a latent of its own, and the PSNR in dB of its image.

    The class is the strongest of the given state's, and the noise that of its seed.  In W where there is one: edits
    work better there than in W+, at the price of some likeness.
    """
    if len(data) > MOST_BYTES:
        raise BadInput("too-large", f"The file has {len(data):,} bytes, expected at most {MOST_BYTES:,}.")
    if not explored.latent:
        raise BadInput("no-latent-space",
                       f"{explored.spec.name} has no latent space in which a picture could be found.")
    spec, space = plain(explored.spec), explored.axis
    shape = draw(explored.generator, spec, 0, 0, 1, explored.device)["images"].shape[1:]
    image = photo(decode(data, "The file"), shape)[None]
    base = State(state.place, classes=strongest(explored, state))
    found = invert(explored.model, spec, image, Way(space), [label for label, _ in base.classes],
                   explored.point(base).noise, explored.device)
    numbers = tuple(np.asarray(found.latents[0], np.float32).flatten().tolist())
    given = Latent(space if explored.mapped else "z", numbers)
    return State(base.place, given, base.classes), float(found.decibels(image)[0])


def strongest(explored: Explored, state: State) -> tuple[tuple[int, float], ...]:
    """The class with the largest share of a state, alone."""
    labels = explored.labels_of(state)
    if labels is None:
        return ()
    return ((int(labels[0].argmax() if labels.is_floating_point() else labels[0]), 1.0),)
