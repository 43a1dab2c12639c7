"""Shapes: what is drawn is what the factors say, and the same everywhere."""

import hashlib
import pickle

import numpy as np
import pytest

from ganbench.gan.datasets import DATASETS, DataFolders, open_data, shapes
from tests.refusals import refused

MIDDLE = shapes.FRAME // 2
FIGURES = list(enumerate(shapes.CLASSES))
IDS = shapes.CLASSES
VERSION_1 = "3a99d0e976a02f53f0a2b15f38f2c65f789b4c58c623a87dfce000d77df1583d"     # sha256 of 200 images


def one(shape, hue=0, size=400, x=MIDDLE, y=MIDDLE, background=255):
    return shapes.Factors(*(np.array([value], np.int32) for value in (shape, hue, size, x, y, background)))


@pytest.mark.parametrize("split", sorted(shapes.SPLITS))
def test_a_split_is_what_its_row_says(split, tmp_path):
    row, images = DATASETS["shapes"], open_data(f"shapes:{split}", DataFolders(None, tmp_path))
    assert (images.n, images.shape, images.classes) == (row.splits[split], row.shape, row.classes)
    shown = shapes.factors(shapes.SPLITS[split], range(images.n))
    assert np.array_equal(images.labels, shown.shape)
    assert np.array_equal(images.read(range(5, 9)), shapes.render(shown.chosen(slice(5, 9))))


def test_the_bytes_are_those_that_version_1_drew():
    """Whole numbers alone: another value means other pictures, which need another VERSION."""
    pixels = shapes.draw(seed=0, n=200).read(range(200))
    assert shapes.VERSION == 1
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == VERSION_1


def test_an_image_depends_on_seed_and_index_alone():
    together = shapes.draw(3, 50).read(range(50))
    apart = [shapes.draw(3, n).read([i])[0] for i, n in ((0, 2), (17, 40), (49, 1_000))]
    assert np.array_equal(together[[0, 17, 49]], apart)
    assert np.array_equal(together[[40, 2, 40]], shapes.draw(3, 50).read([40, 2, 40]))
    assert not np.array_equal(together, shapes.draw(4, 50).read(range(50)))


def test_sets_of_one_content_have_one_digest_and_others_another():
    made = [shapes.draw(0, 100), shapes.draw(0, 100, name="mine"), shapes.draw(1, 100), shapes.draw(0, 101),
            shapes.draw(0, 100, 32)]
    assert made[0].digest == made[1].digest
    assert len({images.digest for images in made}) == 4


def test_workers_can_read_it():
    images = shapes.draw(0, 10)
    assert np.array_equal(pickle.loads(pickle.dumps(images.rows))([3]), images.read([3]))


def test_no_image_of_test_is_in_train():
    seen = [{tuple(row) for row in np.stack(shapes.factors(seed, range(shapes.N)), axis=1)} for seed in (0, 1)]
    assert not seen[0] & seen[1]
    assert min(map(len, seen)) == shapes.N


# The factors


@pytest.mark.parametrize("name", shapes.Factors._fields)
def test_a_factor_is_uniform_over_its_range(name):
    first, last = getattr(shapes.RANGES, name)
    values = getattr(shapes.factors(0, range(20_000)), name)
    assert (values.min(), values.max()) == (first, last)
    share = np.histogram(values, bins=6, range=(first, last + 1))[0] / 20_000
    width = [len([v for v in range(first, last + 1) if b <= (v - first) / (last + 1 - first) * 6 < b + 1])
             for b in range(6)]
    expected = np.array(width) / (last - first + 1)
    assert np.abs(share - expected).max() < 4 * np.sqrt(expected.max() / 20_000)


def test_factors_do_not_depend_on_each_other_nor_on_the_index():
    n = 20_000
    columns = np.stack([*shapes.factors(0, range(n)), np.arange(n)])
    correlations = np.corrcoef(columns)[np.triu_indices(len(columns), 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(n)


# The drawing


@pytest.mark.parametrize(("shape", "name"), FIGURES, ids=IDS)
def test_every_figure_has_the_area_of_the_circle_of_its_size(shape, name):
    for size in (200, 400):
        covered = shapes.coverage(one(shape, size=size), 256).sum() / shapes.SAMPLES**2
        assert covered * (shapes.FRAME / 256) ** 2 == pytest.approx(np.pi * size**2, rel=0.012)


@pytest.mark.parametrize(("shape", "name"), FIGURES, ids=IDS)
def test_a_figure_lies_where_its_factors_say(shape, name):
    """The centre of mass of every figure is its centre."""
    for x, y in ((704, 1344), (1111, 800)):
        covered = shapes.coverage(one(shape, x=x, y=y), 64)[0]
        places = (np.arange(64) + 0.5) * shapes.FRAME / 64
        found = [places @ covered.sum(axis) / covered.sum() for axis in (0, 1)]
        assert found == pytest.approx([x, y], abs=4)        # an eighth of a pixel


@pytest.mark.parametrize(("shape", "name"), FIGURES, ids=IDS)
def test_a_figure_is_the_same_seen_in_a_mirror_and_turned_as_far_as_it_may_be(shape, name):
    sides = {"circle": 4, "square": 4, "plus": 4, "ring": 4, "triangle": 1, "star": 1}[name]
    covered = shapes.coverage(one(shape), 64)[0].astype(int)
    assert np.abs(covered - covered[:, ::-1]).max() <= 1
    turned = [np.array_equal(covered, np.rot90(covered, k)) for k in range(4)]
    assert sum(turned) == sides


@pytest.mark.parametrize(("shape", "name"), FIGURES, ids=IDS)
def test_no_figure_is_cut_off_by_the_frame(shape, name):
    """The largest, ten pixels (320 units) from the middle in each direction, is the middle one moved by ten pixels."""
    middle = shapes.coverage(one(shape, size=416), 64)[0]
    (left, right), (top, bottom) = shapes.RANGES.x, shapes.RANGES.y
    for x, across in ((left, -10), (right, 10)):
        for y, down in ((top, -10), (bottom, 10)):
            assert np.array_equal(shapes.coverage(one(shape, size=416, x=x, y=y), 64)[0],
                                  np.roll(middle, (down, across), (0, 1)))


def test_no_two_figures_look_alike():
    covered = [shapes.coverage(one(shape), 64)[0] for shape, _ in FIGURES]
    for i, a in enumerate(covered):
        for b in covered[:i]:
            assert np.abs(a - b).sum() > 0.1 * a.sum()


@pytest.mark.parametrize(("hue", "rgb"), [
    (0, (224, 0, 0)), (128, (224, 112, 0)), (256, (224, 224, 0)), (512, (0, 224, 0)), (768, (0, 224, 224)),
    (1024, (0, 0, 224)),
])
def test_the_middle_has_the_colour_of_the_hue_and_the_corner_the_background(hue, rgb):
    picture = shapes.render(one(0, hue=hue, background=130))[0]
    assert tuple(picture[:, 32, 32]) == rgb
    assert tuple(picture[:, 0, 0]) == (130, 130, 130)


def test_edges_are_blended_in_proportion_to_what_is_covered():
    """A square whose right edge halves a pixel: 907 * 282 // 1024 = 249 units to the right of 1031 is 1280 = 40 pixels;
    16 units further it halves pixel 40."""
    for x, share in ((1031, 0.0), (1039, 0.25), (1047, 0.5), (1063, 1.0)):
        picture = shapes.render(one(1, size=282, x=x, background=100))[0]
        assert picture[0, 32, 40] == pytest.approx(100 + share * (224 - 100), abs=0.5)
        assert picture[1, 32, 40] == pytest.approx(100 - share * 100, abs=0.5)


def test_a_small_image_is_a_large_one_shrunk():
    large = shapes.draw(0, 20, 128).read(range(20)).reshape(20, 3, 64, 2, 64, 2).mean(axis=(3, 5))
    small = shapes.draw(0, 20, 64).read(range(20))
    assert np.abs(large - small).max() < 255 / 6            # 64 samples of a pixel against 16
    assert np.abs(large - small).mean() < 0.5


def test_a_defect_can_be_planted():
    """Change one factor, and nothing else of the picture changes."""
    shown = shapes.factors(0, range(20))
    darker = shapes.render(shown._replace(background=shown.background - 40))
    covered = shapes.coverage(shown, 64)[:, None]
    difference = shapes.render(shown).astype(int) - darker
    assert (difference[np.broadcast_to(covered == 0, difference.shape)] == 40).all()
    assert not difference[np.broadcast_to(covered == 16, difference.shape)].any()


@pytest.mark.parametrize(("arguments", "said"), [
    ({"n": 1}, ("too-few-images", "shapes", 1, 2)),
    ({"n": 10, "resolution": 48}, ("unfit-value", 48, "16, 32, 64, 128, 256")),
])
def test_what_cannot_be_drawn_is_refused(arguments, said):
    with refused(*said):
        shapes.draw(seed=0, **arguments)
