"""Which images of the pool are added: how many of each class, and which of them."""

import numpy as np
import pytest

from ganbench.gan.applications.augment.synthetic import choice, quotas, realest

LABELS = np.repeat([0, 1, 2], [100, 10, 50])


def test_quotas_are_whole_numbers_in_proportion():
    np.testing.assert_array_equal(quotas(10, np.array([1.0, 1.0, 1.0])), [4, 3, 3])
    np.testing.assert_array_equal(quotas(7, np.array([0.5, 0.0, 0.5])), [4, 0, 3])


def test_a_choice_has_the_classes_in_proportion_where_there_are_enough():
    rows = choice(LABELS, 60, np.array([0.5, 0.0, 0.5]), seed=3)
    assert np.bincount(LABELS[rows], minlength=3).tolist() == [30, 0, 30]
    assert len(set(rows.tolist())) == 60


def test_what_a_class_lacks_is_filled_up_with_others_that_are_wanted():
    rows = choice(LABELS, 90, np.ones(3) / 3, seed=3)
    assert len(rows) == 90
    assert np.bincount(LABELS[rows])[1] == 10


def test_seeds_choose_other_images_and_the_same_seed_the_same():
    one, again, other = (choice(LABELS, 20, np.ones(3), seed).tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_only_places_that_may_be_taken_are():
    among = np.arange(0, 160, 2)
    assert set(choice(LABELS, 40, np.ones(3), 0, among).tolist()) <= set(among.tolist())


@pytest.mark.parametrize("k", [0, 1, 2])
def test_the_more_realistic_half_of_every_class_is_kept(k):
    realism = np.random.default_rng(0).random(len(LABELS))
    kept = realest(realism, LABELS)
    mine, out = realism[kept[LABELS[kept] == k]], np.setdiff1d(np.flatnonzero(k == LABELS), kept)
    assert len(mine) == len(out)
    assert mine.min() > realism[out].max()
