"""What came of each strategy: copies of ten training images are flagged, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest

from ganbench import Workspace
from ganbench.gan.images import write_npz
from ganbench.gan.models.loading import resolve
from ganbench.gan.parts import Part, real_part
from ganbench.gan.specialise.specialists import (
    Sets,
    Specialist,
    against_base,
    drawn,
    measured,
    memorises,
    reference_rows,
    suspicious,
)
from ganbench.gan.types import Estimate

LEAD = "pixels"


def shapes(n, seed):
    """Ellipses of random places, sizes and brightness, (n, 1, 32, 32) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    a, b, r, s, v = (random.uniform(low, high, (n, 1, 1)) for low, high in
                     ((8, 24), (8, 24), (4, 12), (4, 12), (80, 250)))
    return (v * (((y - a) / r) ** 2 + ((x - b) / s) ** 2 < 1))[:, None].astype(np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("specialists")


def images_in(place, name, images):
    write_npz(place / f"{name}.npz", images)
    return drawn(real_part(str(place / f"{name}.npz"), None, Workspace(str(place / "home"))),
                 Workspace(str(place / "home")), extractor=LEAD)


@pytest.fixture(scope="module")
def sets(place):
    write_npz(place / "source.npz", shapes(200, 1))
    home = Workspace(str(place / "home"))
    source = drawn(Part(resolve(str(place / "source.npz"), home), 0, 200), home, extractor=LEAD)
    return Sets(source, images_in(place, "again", shapes(200, 2)), images_in(place, "ten", shapes(10, 3)),
                images_in(place, "held", shapes(200, 4)))


def test_copies_of_ten_images_are_flagged(place, sets):
    random = np.random.default_rng(5)
    ten = shapes(10, 3)[random.integers(0, 10, 200)].astype(int)
    copies = (ten + random.integers(-6, 7, ten.shape)).clip(0, 255).astype(np.uint8)
    row, audit = measured("finetune", images_in(place, "copies", copies), sets)
    assert memorises(row)
    assert row.certain > 180
    assert row.copies.value > 0.9
    assert row.nearer.value > 0.9
    assert row.kept.value < 0.5
    pictures = suspicious("finetune", images_in(place, "copies", copies), audit, sets)
    assert all(abs(a.astype(int) - b).mean() < 10 for a, b in zip(*(one.images for one in pictures), strict=True))


def test_new_images_of_the_target_are_not(place, sets):
    row, _ = measured("finetune", images_in(place, "new", shapes(200, 6)), sets)
    assert not memorises(row)
    assert row.copies.value == 0
    assert row.nearer.value < 0.12
    assert row.kept.value > 0.8


def test_the_source_and_real_images_stand_beside(sets):
    source, real = reference_rows(sets)
    assert source.kept.value > 0.8
    assert real.copies is None                              # by definition there are none
    assert real.nearer.value == pytest.approx(10 / 201)
    assert real.kid is None                                 # of ten images


def test_differences_from_finetune_are_tested_together():
    rows = [Specialist(name, Estimate(kid, 0.01)) for name, kid in
            (("finetune", 0.1), ("scratch", 0.3), ("adapter", 0.13))]
    found = against_base(rows)
    assert found.keys() == {"scratch", "adapter"}
    assert found["scratch"][0].value == pytest.approx(0.2)
    assert found["scratch"][1] < 0.001 < found["adapter"][1]
    assert found["adapter"][1] == pytest.approx(0.0339, abs=1e-3)
