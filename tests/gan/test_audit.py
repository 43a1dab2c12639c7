"""Copies of training images are planted and have to be listed; other real images are not."""

import io

import numpy as np
import pytest
from PIL import Image

from ganbench.gan import copying
from ganbench.gan.audit import audit, question_of
from ganbench.gan.copying import RATE, SHIFT, Audit, aligned, excess
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.images import to_pillow
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.store import extend, store_of
from ganbench.gan.types import Features, Samples, Workspace
from tests.refusals import refused

pytestmark = pytest.mark.long

N, PLANTED = 400, 20    # images, and copies among them of each kind: 5 %


@pytest.fixture(scope="module")
def pools(tmp_path_factory) -> tuple[np.ndarray, np.ndarray]:
    """3,000 training and 3,000 unseen images."""
    folders = DataFolders(None, tmp_path_factory.mktemp("data"))
    return tuple(open_data(f"fashion-mnist:{name}", folders).read(range(3_000)) for name in ("train10k", "test"))


def moved(x: np.ndarray) -> np.ndarray:
    """One pixel to the right and down; the border comes from the other side."""
    return np.roll(x, (1, 1), axis=(1, 2))


def noisy(x: np.ndarray) -> np.ndarray:
    return (x + np.random.default_rng(0).normal(0, 8, x.shape)).clip(0, 255).astype(np.uint8)


def compressed(x: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    to_pillow(x).save(file, "JPEG", quality=75)
    return np.array(Image.open(file))[None]


KINDS = {"verbatim": lambda x: x, "moved": moved, "moved far": lambda x: np.roll(x, (2, -2), axis=(1, 2)),
         "mirrored": lambda x: x[:, :, ::-1], "noisy": noisy, "compressed": compressed}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A home where images and their features are kept by content, so that sets of several tests are made once."""
    workspace, found = Workspace(home=str(tmp_path_factory.mktemp("judged"))), {}

    def judged(images: np.ndarray) -> tuple[Samples, Features]:
        content = images.tobytes()
        if content not in found:
            found[content] = kept(images, workspace)
        return found[content]

    return judged


@pytest.fixture(scope="module")
def one_search():
    """Unseen images have the same neighbours in every test: those of a pair of sets are looked for once."""
    search, found = copying.search, {}

    def once(x, training, *features_and_tick):
        key = x.small.tobytes(), training.small.tobytes()
        if key not in found:
            found[key] = search(x, training, *features_and_tick)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "search", once)
        yield


@pytest.fixture
def audited(workspace, judged, one_search):
    """Audit arrays of images: generated, training and perhaps unseen ones, in the judge's features."""

    def run(generated: np.ndarray, training: np.ndarray, unseen: np.ndarray | None = None) -> Audit:
        arrays = {"generated": generated, "training": training, **({} if unseen is None else {"unseen": unseen})}
        sets = {role: judged(images) for role, images in arrays.items()}
        samples = {role: pair[0] for role, pair in sets.items()}
        features = {role: pair[1] for role, pair in sets.items()}
        return audit(samples, features, "" if unseen is None else "unseen", store_of(workspace))

    return run


def kept(images: np.ndarray, workspace) -> tuple[Samples, Features]:
    images, store = np.ascontiguousarray(images), store_of(workspace)
    found = extract(images, extractor_of("judge", workspace))
    parts = [slice(start, start + 1_000) for start in range(0, len(images), 1_000)]
    name = f"{abs(hash(images.tobytes())):x}"

    def shards_of(kind: str, what: str, array: np.ndarray) -> tuple:
        return tuple(
            extend(store, kind, f"{name}{i}", i, len(array[part]),
                   lambda start, stop, rows=array[part]: {what: rows[start:stop]})
            for i, part in enumerate(parts)
        )

    shards = {"samples": shards_of("samples", "images", images),
              "features": shards_of("features", "features", found["features"])}
    return Samples("test", 0, images.shape[1:], shards["samples"]), Features("judge", shards["features"])


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_in_twenty_that_is_a_copy_is_listed_and_few_others_are(kind, pools, audited):
    training, real = pools
    which = np.random.default_rng(0).permutation(len(training))[:PLANTED]
    generated = real[:N].copy()
    generated[:PLANTED] = [KINDS[kind](x) for x in training[which]]
    found = audited(generated, training, real[N:])
    listed = {match.image: match for match in found.matches if match.listed}
    right = [i for i in range(PLANTED) if i in listed and listed[i].by_pixels == which[i]]
    assert len(right) >= 0.9 * PLANTED
    assert len(listed) - len(right) <= 5
    assert found.copies.value == len(listed) / N
    assert max(match.p for match in listed.values()) < 0.01
    assert found.p < 0.01


def test_only_what_a_model_of_the_zoo_learned_from_is_known_without_being_told():
    known = protocol_of(question_of("zoo:dcgan-fashion-mnist", Question(n=300)))
    assert known.training == "fashion-mnist:train10k"
    told = question_of("zoo:dcgan-fashion-mnist", Question(n=300, held_out="mine.npz"))
    assert (told.reference, told.held_out, told.n) == (told.training, "mine.npz", 300)
    with refused("no-training-data", "mine.toml", "--training"):
        question_of("mine.toml", Question(held_out="fashion-mnist:test"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_unseen_images_are_no_copies_in_nineteen_of_twenty_splits(pools, audited):
    training, real = pools
    alarms = 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(real))
        found = audited(real[order[:N]], training, real[order[N:]])
        alarms += any(match.listed for match in found.matches) or found.p < 0.05 / 2
    assert alarms <= 1


def test_other_real_images_are_not_listed(pools, audited):
    training, real = pools
    found = audited(real[:N], training, real[N:])
    assert not any(match.listed for match in found.matches)
    assert found.copies.value == 0
    assert abs(found.nearer.value - RATE) < 4 * found.nearer.se
    assert found.p > 0.01
    ratios = [match.ratio for match in found.matches]
    assert ratios == sorted(ratios)


def test_without_unseen_images_there_is_no_p_value_but_the_nearest_are_told(pools, audited):
    training, real = pools
    generated = np.concatenate([training[:3], real[:60]])
    found = audited(generated, training)
    assert (found.copies, found.nearer, found.p, found.n_unseen) == (None, None, None, 0)
    assert {match.image for match in found.matches[:3]} == {0, 1, 2}
    assert {match.by_pixels for match in found.matches[:3]} == {0, 1, 2}
    assert all(match.p is None and not match.listed for match in found.matches)


def test_a_second_audit_is_the_first_one_from_the_store(pools, audited):
    training, real = pools
    first = audited(real[:60], training[:500], real[100:400])
    assert audited(real[:60], training[:500], real[100:400]) == first


def test_few_training_images_are_refused(pools, audited):
    training, real = pools
    with refused("too-few-images", 50, 30):
        audited(real[:60], training[:30])


def test_the_distance_is_the_smallest_over_shifts_and_mirroring():
    rng = np.random.default_rng(0)
    image, others = rng.random((12, 10)).astype(np.float32), rng.random((3, 12, 10)).astype(np.float32)
    inner = (slice(SHIFT, 12 - SHIFT), slice(SHIFT, 10 - SHIFT))
    expected = [
        min(
            np.sqrt(np.mean((side[inner] - other[down : down + 8, right : right + 6]) ** 2))
            for side in (image, image[:, ::-1])
            for down in range(5)
            for right in range(5)
        )
        for other in others
    ]
    assert aligned(image, others) == pytest.approx(expected, rel=1e-4)
    others[1] = np.roll(image[:, ::-1], (2, -1), axis=(0, 1))
    assert aligned(image, others)[1] < 1e-3


def test_the_share_of_near_images_has_a_p_value_that_is_uniform_for_an_honest_model():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(300):
        mine, theirs = rng.random(500), np.sort(rng.random(2_000))
        ranks = (1 + np.searchsorted(theirs, mine, side="right")) / 2_001
        p.append(excess(float(np.mean(ranks <= RATE)), 500, 2_000))
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.09
    assert 0.4 < np.mean(p) < 0.6
