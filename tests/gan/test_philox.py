"""Each image's own random numbers: none shared, and the same in plain Python."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ganbench.gan.generators.base import classes
from ganbench.gan.generators.images import order
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.philox import key_of, normals, uniforms, words

DOCUMENT = Path(__file__).parents[2] / "docs" / "seeds.md"
SEEDS = (0, 1, 2, 2**32, 2**32 + 1, -1, 2**64, 2**64 + 1, -(2**200), 10**30)
TRIPLES = ((0, 0, "z"), (7, 123_456, "z"), (-3, 1, "label"), (2**70, 2**48 - 1, "attempt 0"))


@pytest.fixture(scope="module")
def plain():
    """The functions of the listing in docs/seeds.md."""
    listing, found = DOCUMENT.read_text("utf-8").split("```python\n")[1].split("```")[0], {}
    exec(listing, found)
    return found


def test_ten_million_triples_share_no_draw():
    """The first 64 bits of each; by chance two would be equal once in 370,000 runs."""
    n = 500_000
    first = np.concatenate([words(range(n), seed, 1, name)[:, 0] for seed in SEEDS for name in ("z", "label")])
    first.sort()
    assert len(first) == 10_000_000
    assert (first[1:] != first[:-1]).all()


def test_images_that_shared_a_seed_of_32_bits_differ():
    rows = load(resolve("zoo:dcgan-fashion-mnist")).draws([38498, 46730], 1)
    assert not np.isclose(rows[0], rows[1]).any()


def test_rows_of_unlike_length_share_nothing():
    found = [words(range(50), 3, count).reshape(-1) for count in (4, 8, 12, 100, 3_072)]
    assert len(np.unique(np.concatenate(found))) == sum(map(len, found))


@pytest.mark.parametrize(("key", "counter", "expected"), [      # kat_vectors of Random123, philox4x64 10
    ([0, 0], 0, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    ([2**64 - 1] * 2, 2**256 - 1, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    ([0x452821E638D01377, 0xBE5466CF34E90C6C],
     0x082EFA98EC4E6C89A4093822299F31D013198A2E03707344243F6A8885A308D3,
     "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6"),
])
def test_the_listing_gives_the_published_answers(plain, key, counter, expected):
    assert " ".join(f"{word:016x}" for word in plain["philox"](key, counter)) == expected


def test_the_listing_is_numpys_generator(plain):
    counter = 2**128 - 1 + 5 * 2**128                      # numpy counts up before it draws: a carry over two words
    theirs = np.random.Philox(key=3 + 4 * 2**64, counter=counter).random_raw(8).tolist()
    assert [*plain["philox"]([3, 4], counter + 1), *plain["philox"]([3, 4], counter + 2)] == theirs


@pytest.mark.parametrize("count", [1, 4, 5, 31])
@pytest.mark.parametrize("triple", TRIPLES)
def test_words_and_uniforms_are_those_of_the_listing(plain, triple, count):
    seed, image, name = triple
    assert words([image], seed, count, name)[0].tolist() == plain["words"](seed, image, name, count)
    assert uniforms([image], seed, count, name)[0].tolist() == plain["uniforms"](seed, image, name, count)


@pytest.mark.parametrize("count", [1, 2, 7, 100, 1_001])
@pytest.mark.parametrize("triple", TRIPLES)
def test_normals_are_those_of_the_listing(plain, triple, count):
    seed, image, name = triple
    assert normals([image], seed, count, name)[0] == pytest.approx(plain["normals"](seed, image, name, count), abs=1e-6)


def test_normals_keep_their_precision_in_a_million():
    found = normals(range(1_000), 4, 1_000)
    x = words(range(1_000), 4, 500).view("<u4").astype(np.int64)
    radius = np.sqrt(-2 * np.log((x[:, :500] | 1) / 2**32))
    turn = 2 * np.pi * x[:, 500:] / 2**32
    exact = np.hstack([radius * np.cos(turn), radius * np.sin(turn)])
    assert np.abs(found - exact).max() < 1e-6


@pytest.mark.parametrize("draw", [words, uniforms, normals])
@pytest.mark.parametrize("count", [3, 100, 3_072])
def test_a_row_is_the_same_in_any_company(draw, count):
    whole = draw(range(40), 9, count)
    assert np.array_equal(draw([5, 6, 30, 2, 2], 9, count), whole[[5, 6, 30, 2, 2]])
    assert np.array_equal(draw(range(33, 20, -3), 9, count), whole[33:20:-3])
    assert np.array_equal(np.concatenate([draw([i], 9, count) for i in range(40)]), whole)
    assert draw([], 9, count).shape == draw(range(3, 3), 9, count).shape == (0, count)


@pytest.mark.parametrize("count", [1, 100, 3_072])
def test_images_one_by_one_are_those_of_a_batch_and_stay_so_if_one_is_changed(count):
    expected = normals(range(100), 5, count)
    for image in [*range(100), 7, 6, 99, 98]:
        row = normals([image], 5, count)
        assert np.array_equal(row, expected[image : image + 1])
        row[:] = 0
    assert (uniforms([0], 5, count) == uniforms(range(2), 5, count)[:1]).all()
    assert (normals([1], 6, count) == normals(range(2), 6, count)[1:]).all()


def test_the_last_image_can_be_drawn_alone():
    last = 2**48 - 1
    alone = [normals([image], 0, 8) for image in range(last - 3, last + 1)]
    assert (np.concatenate(alone) == normals(range(last - 3, last + 1), 0, 8)).all()


@pytest.mark.parametrize(("draw", "law"), [(uniforms, stats.uniform), (normals, stats.norm)])
def test_numbers_follow_their_distribution_and_neighbours_are_independent(draw, law):
    x = draw(range(20_000), 1, 50).astype(np.float64)
    assert stats.kstest(x.reshape(-1), law.cdf).pvalue > 0.001
    scaled = (x - law.mean()) / law.std()
    for moment in (1, 2, 3, 4):
        sampled = scaled**moment
        assert abs(sampled.mean() - float(law.expect(lambda z, m=moment: ((z - law.mean()) / law.std()) ** m))) \
            < 4 * sampled.std() / 1_000
    for product in (scaled[:-1] * scaled[1:], scaled[:, :-1] * scaled[:, 1:], scaled[:, :25] * scaled[:, 25:],
                    scaled[:-1] ** 2 * scaled[1:] ** 2 - 1, scaled * (draw(range(20_000), 2, 50) - law.mean())):
        assert abs(product.mean()) < 4 * product.std() / product.size**0.5


@pytest.mark.parametrize("n_classes", [2, 10, 1_000])
def test_classes_are_drawn_evenly(n_classes):
    counts = np.bincount(classes(range(100_000), 0, n_classes), minlength=n_classes)
    assert stats.chisquare(counts).pvalue > 0.001


def test_classes_are_those_of_the_listing(plain):
    assert classes(range(20), 5, 10).tolist() == [plain["words"](5, i, "label", 1)[0] % 10 for i in range(20)]


def test_an_order_is_that_of_the_listing(plain):
    assert order(30, 2).tolist() == sorted(range(30), key=lambda i: plain["words"](2, i, "order", 1))


def test_a_key_has_128_bits_and_seeds_and_names_do_not_run_together():
    keys = {tuple(key_of(seed, name).tolist()) for seed in SEEDS for name in ("z", "1/z", "label", "")}
    assert len(keys) == 4 * len(SEEDS)
    assert max(max(key) for key in keys) > 2**63


@pytest.mark.parametrize("image", [-1, 2**48])
def test_numbers_of_images_that_cannot_be_are_refused(image):
    with pytest.raises(ValueError, match=rf"numbered from 0 to 2\^48 - 1, got {image}"):
        words([image], 0, 1)
