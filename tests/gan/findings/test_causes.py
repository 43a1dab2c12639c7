"""A cause is named only where it is the cause, and the main cause first: collapse before what follows from it, and of
images far from the real ones nothing that is true of these alone.  Features and logits are the judge's."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from ganbench import evaluate
from ganbench.gan import gates
from ganbench.gan.datasets import fashion_mnist
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.findings import Evidence, Images, analyse
from ganbench.gan.findings import analysis as house
from ganbench.gan.findings.evidence import Assignment, Assignments
from ganbench.gan.findings.shares import corrected, counted, deviations
from ganbench.gan.images import write_npz
from ganbench.gan.question import Question
from ganbench.gan.store import Store, extend
from ganbench.gan.types import Estimate, Features, Samples, Workspace
from ganbench.gan.words import sentence

N = 400
SHARES = {"missing", "rare", "frequent"}
CLASSES = fashion_mnist.CLASSES


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    images, labels = fashion_mnist.load("test", [fashion_mnist.EMBEDDED])
    judge = extractor_of("judge", Workspace(home=str(tmp_path_factory.mktemp("home"))))
    return SimpleNamespace(images=images, labels=labels.astype(np.int64), judge=judge)


def kept(store, kind, arrays):
    name = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())).hexdigest()
    rows = len(next(iter(arrays.values())))
    return (extend(store, kind, name, 0, rows, lambda a, b: {key: value[a:b] for key, value in arrays.items()}),)


def set_of(pool, store, images, labels=None):
    found = extract(images, pool.judge)
    given = {"images": images} if labels is None else {"images": images, "labels": labels}
    features = Features("judge", kept(store, "features", found))
    return Images(Samples("set", 0, images.shape[1:], kept(store, "samples", given)), features, features)


def analysed(pool, folder, spoil, seed=0, labelled=False, chosen=None):
    """Of N real images, spoiled, beside N others."""
    rows = np.random.default_rng(seed).permutation(len(pool.images))
    mine, real = rows[:N] if chosen is None else chosen(rows[N:], pool.labels[rows[N:]]), rows[-N:]
    images = np.ascontiguousarray(spoil(pool.images[mine], np.random.default_rng([seed, 1])))
    store = Store(folder)
    sets = set_of(pool, store, images, pool.labels[mine] if labelled else None), set_of(
        pool, store, pool.images[real], pool.labels[real])
    return analyse(Evidence(*sets, classes=CLASSES), store)[0].findings


def loud(found):
    return [one.rule for one in found if one.severity in ("alert", "warning")]


def eight_bits(images):
    return images.round().clip(0, 255).astype(np.uint8)


def one_picture(x, random):
    """`clamp(p + .02 * z[:, :1, None, None])` with a fixed random p, as 8 bits."""
    p = random.uniform(-1, 1, x.shape[1:])
    z = random.standard_normal((len(x), 1, 1, 1))
    return eight_bits((p + 0.02 * z).clip(-1, 1) * 127.5 + 128 - 0.5)


FEW = {
    "one made up": one_picture,
    "one garment and noise": lambda x, random: eight_bits(x[:1] + random.normal(0, 3, x.shape)),
    "three garments and noise": lambda x, random: eight_bits(x[np.arange(len(x)) % 3] + random.normal(0, 3, x.shape)),
    "one garment, brighter and darker": lambda x, random: eight_bits(x[:1] * random.uniform(0.7, 1, (len(x), 1, 1, 1))),
}


@pytest.mark.parametrize("kind", FEW)
def test_collapse_is_said_first_and_nothing_of_what_the_few_pictures_look_like(pool, tmp_path, kind):
    found = analysed(pool, tmp_path, FEW[kind])
    assert loud(found)[0] == "collapse"
    assert set(loud(found)) <= {"collapse", "duplicates", "flat", "unlike", "uncovered", "copies"}
    assert found[0].facts["vendi"] < 0.35 * found[0].facts["real"]
    assert not {"covers", "no_lattice", "sharp", "well_exposed", "shares_alike"} & {one.rule for one in found}
    assert "(p" not in sentence(found[0])
    assert sentence(found[0], "fr").startswith("Le modèle ne produit que des variantes")


@pytest.mark.parametrize("kind", FEW)
def test_an_evaluation_says_collapse_before_all_else(pool, tmp_path, workspace, kind):
    write_npz(tmp_path / "real.npz", pool.images[:N])
    images = FEW[kind](pool.images[N : 2 * N], np.random.default_rng(1))
    asked = Question(reference=str(tmp_path / "real.npz"), extractor="pixels", metrics="kid,vendi", n=N)
    for score in evaluate(images, asked, workspace=workspace):
        assert score.caveats[0].rule == "collapsed"
        assert "compressed" not in [caveat.rule for caveat in score.caveats]


def test_without_real_images_one_picture_is_told_all_the_same(pool, workspace):
    images = one_picture(pool.images[:N], np.random.default_rng(1))
    made = Samples("set", 0, images.shape[1:], kept(Store(workspace.root), "samples", {"images": images}))
    assert [alert.cause.rule for alert in gates.of_diversity(made, None)] == ["one picture"]


OTHERS = {
    "fixed gains": lambda x, random: eight_bits(x * np.exp(random.normal(0, 0.5, x.shape[1:]))),
    "a fixed pattern": lambda x, random: eight_bits(x + 20 * random.standard_normal(x.shape[1:])),
    "a grey square": lambda x, random: np.where(np.pad(np.ones((10, 10), bool), ((3, 19), (3, 19))), np.uint8(128), x),
    "turned": lambda x, random: np.rot90(x, axes=(2, 3)),
    "low contrast": lambda x, random: eight_bits(100 + 0.2 * x),
    "noise": lambda x, random: random.integers(0, 256, x.shape).astype(np.uint8),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
def test_images_far_from_real_ones_are_no_copies_lattices_or_other_classes(pool, tmp_path, kind, seed):
    found = loud(analysed(pool, tmp_path, OTHERS[kind], seed))
    assert not {"collapse", "copies", "duplicates", "lattice", *SHARES} & set(found)
    assert found


def test_where_labels_say_the_classes_they_are_told_however_far_the_images_are(pool, tmp_path):
    found = analysed(pool, tmp_path, OTHERS["fixed gains"], labelled=True,
                     chosen=lambda rows, labels: rows[labels != 3][:N])
    assert [one.facts["name"] for one in found if one.rule in SHARES] == [CLASSES[3]]


@pytest.mark.parametrize("kind", OTHERS)
def test_gates_do_not_take_other_defects_for_compression_or_collapse(pool, workspace, kind):
    store = Store(workspace.root)
    images = np.ascontiguousarray(OTHERS[kind](pool.images[:N], np.random.default_rng(1)))
    mine, real = (Samples("set", 0, x.shape[1:], kept(store, "samples", {"images": x}))
                  for x in (images, pool.images[N : 2 * N]))
    rules = {alert.cause.rule for alert in gates.check_images(mine, real, store)}
    assert rules <= {"half range"}


@pytest.mark.parametrize(("value", "severity"), [(0.05, "alert"), (0.23, "alert"), (0.58, "warning"), (0.7, "warning")])
def test_the_less_a_class_looks_real_the_graver_it_is(value, severity):
    test = house.quality._slice_test("Bag", "class", Estimate(value, 0.02), Estimate(0.87, 0.02), usual=0.1)
    assert test.enough
    assert test.finding.severity == severity


def test_classes_of_images_far_from_real_ones_are_no_smaller_matter(pool, tmp_path):
    found = analysed(pool, tmp_path, OTHERS["a grey square"])
    assert "info" not in {one.severity for one in found if one.rule == "slice_unlike"}
    assert {one.severity for one in found if one.rule == "classes_unknown"} <= {"info"}


# Shares as the table has them

def exact(mine, real):
    """Findings about shares of labelled sets, by counts."""
    truth, own = (np.repeat(np.arange(len(counts)), counts) for counts in (real, mine))
    kinds = Assignments("class", tuple(CLASSES), Assignment(own, np.ones(len(own), bool), exact=True),
                        Assignment(truth, np.ones(len(truth), bool), exact=True), None, truth)
    ours, theirs = corrected(kinds.generated, kinds), counted(truth, len(real))
    tests = [house._share_test(one, kinds, ours, theirs) for one in deviations(ours, [theirs])]
    said = {test.finding.facts["name"]: test.finding for test in tests if test.enough and test.p < 1e-3}
    return said, house._share_strengths(ours, theirs, kinds)


@pytest.mark.parametrize("mine", [[100] * 10, [0, *[111] * 9], [10, 100, *[110] * 8]])
def test_a_share_is_set_beside_the_share_that_real_images_have(mine):
    """700 shirts, 100 bags, 25 of each other class."""
    real = [700, 100, *[25] * 8]
    said, strengths = exact(mine, real)
    assert said
    assert strengths == []
    for name, finding in said.items():
        k = CLASSES.index(name)
        assert finding.facts["expected"] == pytest.approx(real[k] / 1_000)
        assert finding.facts["share"] == pytest.approx(mine[k] / sum(mine))
        assert (finding.rule == "frequent") == (finding.facts["share"] > finding.facts["expected"])
    assert CLASSES[1] not in said        # 10 or 11 % bags against 10 %


def test_all_shares_are_alike_only_within_what_the_table_shows_errors_included():
    near = [1_000] * 10
    _, (finding,) = exact([1_060, 940, *[1_000] * 8], near)
    assert 0.06 + 2 * 0.03 < finding.facts["within"] < 0.25
    assert exact([1_240, *[973] * 8, 976], near)[1] == []           # 12.4 % against 10 %
    assert exact([10] * 10, [10] * 10)[1] == []                     # alike, but nobody knows


def test_no_copies_is_said_only_where_that_many_can_be_told(pool, tmp_path):
    few, many = (house.copies.at_most(SimpleNamespace(
        distance=np.ones(n), found=SimpleNamespace(control=np.linspace(0.5, 2, n)))) for n in (100, 2_000))
    assert many < house.copies.SPARE < few
