from collections.abc import Callable

import numpy as np
import pytest

from ganbench.gan.metrics import neighbours
from ganbench.gan.metrics.neighbours import nearest, nearest_across, overlap
from tests.refusals import refused


def plain(seed: int, n: int, d: int = 5, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, d)) + shift).astype(np.float32)


def lattice(seed: int, n: int, d: int = 4, shift: float = 0.0) -> np.ndarray:
    """Whole numbers: most distances are ties, and many images are copies."""
    return (np.random.default_rng(seed).integers(0, 3, (n, d)) + np.rint(shift)).astype(np.float32)


def copies(seed: int, n: int, d: int = 5, shift: float = 0.0) -> np.ndarray:
    """Far from the origin: a dozen copies of one image, and a dozen that differ from another in the last bits."""
    x = plain(seed, n, d, 1000 + shift)
    x[:12], x[12:24] = x[0], x[12]
    x[12:24, 0] = np.nextafter(x[12, 0], np.float32(np.inf)) + np.arange(12, dtype=np.float32) * np.spacing(x[12, 0])
    return x


LAWS = pytest.mark.parametrize("draw", [plain, lattice, copies])
Draw = Callable[..., np.ndarray]


@pytest.fixture(params=[1000, 7, 1], ids=lambda rows: f"tiles of {rows}")
def tiles(request, monkeypatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS", request.param)


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([[np.sqrt(((a.astype(float) - b) ** 2).sum()) for b in y] for a in x])


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """To the k-th nearest other."""
    found = distances(x, x)
    np.fill_diagonal(found, np.inf)
    return np.sort(found, axis=1)[:, k - 1]


def held(apart: np.ndarray, reach: np.ndarray, closed: int) -> np.ndarray:
    return apart <= reach if closed else apart < reach


@LAWS
def test_the_nearest_others_are_those_of_all_distances_in_any_tiling(draw, tiles):
    x = draw(1, 33)
    apart = distances(x, x)
    np.fill_diagonal(apart, np.inf)
    found = nearest(x, 5)
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :5], rtol=1e-15)
    np.testing.assert_allclose(found.distances, np.take_along_axis(apart, found.indices, axis=1), rtol=1e-15)
    assert all(len(set(row)) == 5 for row in found.indices)


@LAWS
def test_the_nearest_of_another_set_are_those_of_all_distances(draw, tiles):
    x, y = draw(1, 31), draw(2, 26)
    apart, found = distances(x, y), nearest_across(x, y, 3)
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :3], rtol=1e-15)
    np.testing.assert_allclose(found.distances, np.take_along_axis(apart, found.indices, axis=1), rtol=1e-15)


@LAWS
def test_what_an_overlap_counts_is_what_all_distances_say(draw, tiles):
    real, generated = draw(1, 40), draw(2, 33, shift=0.4)
    generated[5:8] = real[:3]
    found, across = overlap(real, generated, nearest(real)), distances(generated, real)
    for closed in (0, 1):
        for k in range(1, 7):
            covers = held(across, radii(real, k), closed)
            assert np.array_equal(found.inside[closed, :, k - 1], covers.sum(axis=1))
            assert np.array_equal(found.covered.count[closed, :, k - 1], covers.sum(axis=0))
            assert named(found.covered.few[closed, :, :, k - 1]) == few(covers)
            if not closed:
                assert np.array_equal(found.scarce[:, k - 1], covers[:, covers.sum(axis=0) <= k].sum(axis=1))
            else:
                cut = np.minimum(radii(real, k), np.median(radii(real, k)))
                assert np.array_equal(found.within_median[:, k - 1], held(across, cut, closed).sum(axis=1))
        for k in range(1, 6):
            recalls = held(across, radii(generated, k)[:, None], closed)
            assert np.array_equal(found.recalled.count[closed, :, k - 1], recalls.sum(axis=0))
            assert named(found.recalled.few[closed, :, :, k - 1]) == few(recalls)
    np.testing.assert_allclose(found.nearest.distances[:, 0], across.min(axis=1), rtol=1e-15)


def few(holds: np.ndarray) -> list[set[int]]:
    """Who holds each image, where at most three do."""
    return [set(np.flatnonzero(column)) if column.sum() <= 3 else set() for column in holds.T]


def named(numbers: np.ndarray) -> list[set[int]]:
    return [set(row[row >= 0]) for row in numbers]


@LAWS
def test_what_is_forgotten_without_an_image_is_what_the_others_alone_do_not_recall(draw, tiles):
    real, generated = draw(1, 40), draw(2, 33, shift=0.4)
    found = overlap(real, generated, nearest(real))

    def recalled(images: np.ndarray, k: int, closed: int) -> int:
        return int(held(distances(images, real), radii(images, k)[:, None], closed).any(axis=0).sum())

    for closed, k in ((0, 1), (0, 5), (1, 3)):
        all_of_them = recalled(generated, k, closed)
        lost = [all_of_them - recalled(np.delete(generated, i, axis=0), k, closed) for i in range(33)]
        assert list(found.forgotten[closed, :, k - 1]) == lost
        assert any(lost) or draw is copies


def test_realism_is_the_largest_ratio_over_the_smaller_half_of_the_balls(tiles):
    real, generated = plain(1, 40), plain(2, 33, shift=0.4)
    generated[0] = real[7]
    reach = radii(real, 3)
    small = reach <= np.median(reach)
    apart = distances(generated, real)[:, small]
    expected = [1e6 if 0 in row else (reach[small] / row).max() for row in apart]
    np.testing.assert_allclose(overlap(real, generated, nearest(real)).realism, expected, rtol=1e-14)


def test_a_set_that_lies_in_many_clumps_of_almost_copies_is_searched_exactly():
    """Twenty images, thirty times each, that differ by 1e-9: products of float64 cannot tell such copies apart."""
    rng = np.random.default_rng(0)
    x = plain(1, 20, 64)[rng.integers(0, 20, 600)] * (1 + 1e-9 * rng.standard_normal((600, 64)))
    apart = distances(x[:50], x)
    apart[np.arange(50), np.arange(50)] = np.inf
    np.testing.assert_allclose(nearest(x).distances[:50], np.sort(apart, axis=1)[:, :6], rtol=1e-12)
    np.testing.assert_allclose(nearest_across(x[:50], x[50:]).distances[:, 0], apart[:, 50:].min(axis=1), rtol=1e-12)


def test_a_ball_that_ends_exactly_at_an_image_holds_it_only_when_it_is_closed():
    real = np.array([[0], [1], [3], [7], [15], [31], [63]], np.float32)     # nearest others: 1 1 2 4 8 16 32
    generated = np.array([[-1], [200], [300], [410], [530], [660], [800]], np.float32)
    found = overlap(real, generated, nearest(real))
    assert list(found.inside[:, 0, 0]) == [0, 1]
    assert found.covered.count[:, :, 0].tolist() == [[0] * 7, [1] + [0] * 6]


def test_thousands_of_ties_come_out_as_one_distance():
    x = np.eye(40, dtype=np.float32)
    assert np.array_equal(nearest(x).distances, np.full((40, 6), np.sqrt(2)))


def test_order_and_tiling_change_nothing_but_the_order():
    real, generated = plain(1, 150, 8), plain(2, 120, 8, 0.3)
    order = np.random.default_rng(0).permutation(120)
    once, again = (overlap(real, x, nearest(real)) for x in (generated, generated[order]))
    assert np.array_equal(once.inside[:, order], again.inside)
    assert np.array_equal(once.forgotten[:, order], again.forgotten)
    assert np.array_equal(once.covered.count, again.covered.count)
    assert np.array_equal(once.realism[order], again.realism)


MOVES = {"scale": lambda x: x * 4, "shift": lambda x: x + 64, "turn": lambda x: x[:, ::-1]}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_what_moves_both_sets_moves_no_count(move):
    """By powers of two and whole numbers, so that float32 rounds nothing."""
    real, generated = (np.rint(plain(seed, 90, 8) * 4096) / 4096 for seed in (1, 2))
    before = overlap(real, generated, nearest(real))
    after = overlap(move(real), move(generated), nearest(move(real)))
    assert np.array_equal(before.inside, after.inside)
    assert np.array_equal(before.recalled.count, after.recalled.count)
    assert np.array_equal(before.forgotten, after.forgotten)


def test_features_may_lie_on_disk(tmp_path):
    """Whatever has a length, a shape and rows by slice or by number will do."""
    real, generated = plain(1, 60), plain(2, 50)
    np.save(tmp_path / "real.npy", real)
    mapped = np.load(tmp_path / "real.npy", mmap_mode="r")
    once, again = (overlap(x, generated, nearest(x)) for x in (real, mapped))
    assert np.array_equal(once.inside, again.inside)


def test_what_cannot_be_used_is_refused_in_words():
    x, y = plain(1, 20), plain(2, 30)
    with refused("too-few-images", 6, "other images", 5):
        nearest(x[:6])
    with refused("too-few-images", 21, "images to look among", 20):
        nearest_across(y, x, 21)
    with refused("too-few-images", 0):
        nearest(x, 0)
    with refused("unequal-features", 5, 4):
        nearest_across(y, x[:, :4])
    with refused("unequal-features", 4, 5):
        overlap(x, y[:, :4], nearest(x))
    with refused("unequal-counts", 20, 30):
        overlap(y, y, nearest(x))
    with refused("unfit-value", 3, 2):
        overlap(x, y, nearest(x, 2))
    y[4] = np.nan
    for measure in (lambda: nearest(y), lambda: nearest_across(x, y), lambda: overlap(x, y, nearest(x))):
        with refused("features-not-finite", 4):
            measure()
