"""Model + protocol -> scores, on images so small that everything can be checked by hand."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench import evaluate
from ganbench.gan import sampling
from ganbench.gan.compare import compare
from ganbench.gan.evaluate import extract_one, sample_one, submit
from ganbench.gan.features import EXTRACTORS, extract, inception
from ganbench.gan.images import write_folder, write_npz
from ganbench.gan.interchange import save_statistics
from ganbench.gan.jobs import prepare
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.kernel import kid_full
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.report.document import metric_of
from ganbench.gan.sampling import shards_of
from ganbench.gan.scoring import score_name
from ganbench.gan.statistics import moments
from ganbench.gan.store import store_of
from ganbench.gan.types import Convention, Protocol, Statistics, Workspace
from ganbench.gan.words import caution
from tests.refusals import refused

PIXELS = Convention("pixels", ("pixels",))
D = 64  # of (1, 8, 8) images


def protocol(reference: Path, n: int, held_out: Path | str = "", convention: Convention = PIXELS) -> Protocol:
    return Protocol("tiny", convention, str(reference), n, held_out=str(held_out))


def by_metric(scores):
    return {score.metric: score for score in scores}


def features_of(path: Path) -> np.ndarray:
    """NHWC uint8 in an .npz -> what `pixels` makes of them, (n, d) float32."""
    images = np.load(path)["arr_0"].transpose(0, 3, 1, 2)
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


@pytest.fixture
def real(noise):
    return noise("real.npz", 400)


@pytest.fixture
def fake(noise):
    return noise("fake.npz", 400, seed=1, top=200)


# The numbers


def test_a_set_against_itself_is_at_distance_zero(real, workspace):
    scores = by_metric(evaluate(str(real), protocol(real, 400), workspace=workspace))
    assert scores["fd_pixels"].value == pytest.approx(0, abs=1e-9)


def test_scores_are_the_formulas_on_the_features(real, fake, workspace):
    scores = by_metric(evaluate(str(fake), protocol(real, 400), workspace=workspace))
    x, y = features_of(real), features_of(fake)
    distance = frechet_distance(moments(x).statistics(), moments(y).statistics())
    assert scores["fd_pixels"].value == pytest.approx(distance, rel=1e-9)
    assert scores["kid_pixels"].value == pytest.approx(kid_full(x, y).value, rel=1e-9)
    assert scores["kid_pixels"].se == pytest.approx(kid_full(x, y).se, rel=1e-9)
    assert "is_pixels" not in scores  # pixels have no logits


def test_the_floor_is_what_the_held_out_images_score_themselves(real, fake, noise, workspace):
    held_out = noise("held_out.npz", 500, seed=2)
    asked = protocol(real, 400, held_out)
    scores = by_metric(evaluate(str(fake), asked, workspace=workspace))
    themselves = by_metric(evaluate(str(held_out), asked, workspace=workspace))
    for name in ("fd_pixels", "kid_pixels"):
        assert scores[name].floor == themselves[name].value
        assert scores[name].floor < scores[name].value
    assert by_metric(evaluate(str(fake), protocol(real, 400), workspace=workspace))["fd_pixels"].floor is None


def test_statistics_as_reference_give_the_images_distance_and_no_kernel_distance(
    garments, tiny_images, workspace, tmp_path
):
    judge = Convention("judge", ("judge",))
    extractor = extract.extractor_of("judge", workspace)
    images = np.load(garments)["arr_0"].transpose(0, 3, 1, 2)
    save_statistics(tmp_path / "stats.npz", moments(extract.extract(images, extractor)["features"]).statistics())
    from_images = by_metric(evaluate(str(tiny_images), protocol(garments, 100, convention=judge), workspace=workspace))
    from_file = by_metric(
        evaluate(str(tiny_images), protocol(tmp_path / "stats.npz", 100, convention=judge), workspace=workspace)
    )
    assert set(from_images) == {"fd_judge", "kid_judge", "is_judge"}
    assert set(from_file) == {"fd_judge", "is_judge"}
    assert from_file["fd_judge"].value == pytest.approx(from_images["fd_judge"].value, rel=1e-9)
    assert from_file["is_judge"].value == from_images["is_judge"].value
    assert 1 <= from_file["is_judge"].value <= 10


def test_statistics_of_pixels_are_as_long_as_the_images_make_them(real, fake, workspace, tmp_path):
    save_statistics(tmp_path / "stats.npz", moments(features_of(real)).statistics())
    from_file = by_metric(evaluate(str(fake), protocol(tmp_path / "stats.npz", 400), workspace=workspace))
    from_images = by_metric(evaluate(str(fake), protocol(real, 400), workspace=workspace))
    assert from_file["fd_pixels"].value == pytest.approx(from_images["fd_pixels"].value, rel=1e-9)


def test_statistics_have_a_floor_too(real, fake, noise, workspace, tmp_path):
    held_out = noise("held_out.npz", 400, seed=2)
    save_statistics(tmp_path / "stats.npz", moments(features_of(real)).statistics())
    from_file = by_metric(evaluate(str(fake), protocol(tmp_path / "stats.npz", 400, held_out), workspace=workspace))
    from_images = by_metric(evaluate(str(fake), protocol(real, 400, held_out), workspace=workspace))
    assert from_file["fd_pixels"].floor == pytest.approx(from_images["fd_pixels"].floor, rel=1e-9)


def test_statistics_of_another_extractor_are_refused(real, workspace, tmp_path):
    save_statistics(tmp_path / "stats.npz", moments(features_of(real)[:, :10]).statistics())
    with refused("unequal-features", "statistics of 10 features", "pixels", "pixels: 64"):
        evaluate(str(real), protocol(tmp_path / "stats.npz", 400), workspace=workspace)


@pytest.fixture
def tiny_images(noise):
    return noise("tiny.npz", 100, (1, 32, 32))


# What is kept, and what it depends on


@pytest.fixture
def work(monkeypatch):
    """Counts what is really computed: images drawn and images looked at."""
    done = {"draw": 0, "extract": 0}

    def counting(module, name):
        original = getattr(module, name)

        def counted(*args, **kwargs):
            made = original(*args, **kwargs)
            done[name] += len(next(iter(made.values())))
            return made

        monkeypatch.setattr(module, name, counted)

    counting(sampling, "draw")
    counting(extract, "extract")
    return done


def test_a_second_evaluation_finds_everything(real, fake, workspace, work):
    first = evaluate(str(fake), protocol(real, 400), workspace=workspace)
    assert work == {"draw": 800, "extract": 800}
    assert evaluate(str(fake), protocol(real, 400), workspace=workspace) == first
    assert work == {"draw": 800, "extract": 800}


def test_lost_features_are_made_again_and_nothing_else(real, fake, workspace, work):
    first = evaluate(str(fake), protocol(real, 400), workspace=workspace)
    for manifest in (workspace.root / "store" / "features").rglob("manifest.json"):
        manifest.unlink()
    assert evaluate(str(fake), protocol(real, 400), workspace=workspace) == first
    assert work == {"draw": 800, "extract": 1_600}


def test_more_images_of_a_model_look_only_at_the_new_ones(tiny, garments, workspace, monkeypatch):
    seen = []
    original = extract.extract
    monkeypatch.setattr(
        extract,
        "extract",
        lambda images, extractor, start=0, *a: (
            seen.append((start, len(images))) or original(images, extractor, start, *a)
        ),
    )
    spec = sampling_spec(tiny, workspace)
    evaluate(spec, protocol(garments, 90), workspace=workspace)
    evaluate(spec, protocol(garments, 130), workspace=workspace)
    assert sorted(seen) == [(0, 60), (0, 90), (90, 130)]


def sampling_spec(tiny, workspace):
    from ganbench.gan.models.loading import resolve

    return resolve(str(tiny), workspace, family="dcgan")


def test_neither_workers_nor_batch_sizes_nor_the_order_of_shards_change_a_bit(tiny, garments, tmp_path):
    judge = Convention("judge", ("judge", "pixels"))
    results = []
    for workers, batch_size, last_first in ((1, 250, False), (1, 7, False), (3, 64, False), (3, 1_000, True)):
        workspace = Workspace(str(tmp_path / f"{workers}, {batch_size}"), batch_size=batch_size)
        spec, asked = sampling_spec(tiny, workspace), protocol(garments, 1_130, convention=judge)
        if last_first:
            make_the_last_shard_first(prepare(spec, asked, 0, workspace))
        results.append((evaluate(spec, asked, workspace=workspace, workers=workers), digests_in(workspace)))
    assert len(results[0][0]) == 5
    assert {kind for kind, _ in results[0][1]} == {"samples", "features", "gates", "scores", "statistics"}
    assert all(result == results[0] for result in results)


def make_the_last_shard_first(job):
    for index, rows in reversed(list(shards_of(1_130))):
        images = sample_one(job.parts["generated"], index, rows, job.workspace)
        for name in ("pixels", "judge"):
            extract_one(images, name, job.workspace)


def digests_in(workspace) -> dict[tuple[str, str], str]:
    """What the store holds: kind and key -> digest of the rows, or of the value."""
    return {
        (entry.kind, entry.key): entry.facts.get("digest") or entry.facts["sha256"]
        for entry in store_of(workspace).entries()
    }


def test_copies_elsewhere_under_other_names_have_the_same_digests(real, fake, workspace, tmp_path):
    ours = evaluate(str(fake), protocol(real, 400), workspace=workspace)
    for path in (real, fake):
        (tmp_path / f"copy of {path.name}").write_bytes(path.read_bytes())
    renamed = replace(
        protocol(tmp_path / "copy of real.npz", 400), name="other", convention=replace(PIXELS, name="c", matches="m")
    )
    theirs = evaluate(str(tmp_path / "copy of fake.npz"), renamed, workspace=workspace)
    assert [(score.protocol_digest, score.model_digest, score.value) for score in ours] == [
        (score.protocol_digest, score.model_digest, score.value) for score in theirs
    ]
    assert {score.protocol for score in theirs} == {"other"}
    assert {score.model for score in theirs} == {"copy of fake.npz"}


def test_whatever_makes_scores_unlike_changes_the_protocols_digest(real, fake, noise, workspace):
    held_out, base = noise("held_out.npz", 400, seed=2), protocol(real, 300)
    settings = replace(PIXELS, settings={"kid": {"subsets": 10, "subset_size": 100}})
    unlike = [
        base, replace(base, n_generated=301), replace(base, reference=str(held_out)),
        replace(base, held_out=str(held_out)), replace(base, judge="pixels"),
        replace(base, n_reference=200), replace(base, convention=settings),
        replace(base, convention=replace(PIXELS, metrics=("fd",))),
    ]
    digests = {prepare(str(fake), one, 0, workspace).protocol_digest for one in unlike}
    assert len(digests) == len(unlike)
    assert prepare(str(real), base, 0, workspace).protocol_digest in digests  # the model is no part of it


# How they are shown


def test_the_kernel_distance_leads_where_images_are_few_and_the_distance_warns(noise, real, workspace):
    many, few = noise("many.npz", 5 * D, seed=1), noise("few.npz", 5 * D - 1, seed=1)
    leading = evaluate(str(many), protocol(real, 5 * D), workspace=workspace)
    warned = evaluate(str(few), protocol(real, 5 * D - 1), workspace=workspace)
    assert [score.metric for score in leading] == ["fd_pixels", "kid_pixels"]
    assert [[caveat.rule for caveat in score.caveats] for score in leading] == [["left out"], []]
    assert caution(leading[0].caveats[0]).startswith("not computed: is; needed: a classifier")
    assert [score.metric for score in warned] == ["kid_pixels", "fd_pixels"]
    assert "319 images: at least 5 × 64 are needed" in caution(warned[1].caveats[0])
    assert [caveat.rule for caveat in warned[0].caveats] == ["left out"]


def test_the_length_of_a_feature_counts_not_the_size_of_the_picture(noise, workspace):
    large = noise("large.npz", 40, (1, 64, 64))  # pixels averages them down to 32x32
    warned = by_metric(evaluate(str(large), protocol(large, 40), workspace=workspace))["fd_pixels"]
    assert "at least 5 × 1,024 are needed" in caution(warned.caveats[-1])


NETWORK = """
from torch import nn

class Net(nn.Module):
    input_shape = (1, 8, 8)

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Flatten(), nn.Linear(64, 4)

    def forward(self, images):
        return self.head(self.body(images))
"""


@pytest.mark.parametrize("name", ["infinity_net", "precision", "my_judge"])
def test_a_score_knows_its_row_and_extractor_whatever_the_users_network_is_called(
    name, real, fake, workspace, tmp_path, monkeypatch
):
    (tmp_path / "anets.py").write_text(NETWORK)
    fields = {"name": name, "factory": "anets:Net", "features": "body", "logits": "output"}
    (tmp_path / "net.toml").write_text("\n".join(f'{key} = "{value}"' for key, value in fields.items()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    convention = Convention("mine", (str(tmp_path / "net.toml"),), ("fd", "kid", "is"))
    scores = evaluate(str(fake), protocol(real, 400, convention=convention), workspace=workspace)
    assert [score.metric for score in scores] == [f"fd_{name}", f"kid_{name}", f"is_{name}"]
    assert [score.row for score in scores] == ["fd", "kid", "is"]
    assert {score.extractor for score in scores} == {name}
    (ranking, *_) = compare({"a": scores, "b": scores})
    assert (ranking.metric, ranking.row, ranking.extractor) == (f"fd_{name}", "fd", name)
    assert metric_of(scores[0]).title == "Fréchet distance"
    sys.modules.pop("anets")


def test_only_the_2015_network_with_its_published_weights_gives_fid():
    for name, row in EXTRACTORS.items():
        shown = {metric: score_name(metric, name, inception.SHA256) for metric in ("fd", "kid", "is")}
        others = {metric: score_name(metric, name, "0" * 64) for metric in shown}
        assert others == {metric: f"{metric}_{name}" for metric in shown}
        if row.network == "inception-2015":
            assert shown == {"fd": "fid", "kid": "kid", "is": "is"}
        else:
            assert shown == {metric: f"{metric}_{name}" for metric in shown}
    assert EXTRACTORS["efficientnet_lite0"].network != "inception-2015"


# Bad input


def test_sets_of_unequal_size_are_refused(noise, real, workspace):
    large = noise("large.npz", 50, (1, 16, 16))
    with refused("unequal-sizes", "large.npz", "16x16 pixels in 1 channel", "real.npz", "8x8 pixels in 1 channel"):
        evaluate(str(large), protocol(real, 50), workspace=workspace)


def test_colour_is_not_compared_with_grey(noise, real, workspace):
    colour = noise("colour.npz", 50, (3, 8, 8))
    with refused("unequal-sizes", "8x8 pixels in 3 channels", "real.npz", "8x8 pixels in 1 channel"):
        evaluate(str(colour), protocol(real, 50), workspace=workspace)


@pytest.mark.parametrize("role", ["model", "reference"])
def test_more_images_than_there_are_is_a_sentence(role, noise, real, workspace):
    few = noise("few.npz", 30)
    asked = {"model": protocol(real, 31), "reference": replace(protocol(few, 20), n_reference=31)}[role]
    with refused("too-few-images", "few.npz", 30, 31):
        evaluate(str(few if role == "model" else real), asked, workspace=workspace)


def test_too_few_held_out_images_give_no_floor_rather_than_an_unlike_one(noise, real, workspace):
    scores = evaluate(str(real), protocol(real, 31, noise("few.npz", 30)), workspace=workspace)
    assert [score.floor for score in scores] == [None, None]


def test_a_random_part_of_a_folder_is_the_same_part_every_time(tmp_path, real, workspace):
    images = np.load(real)["arr_0"].transpose(0, 3, 1, 2)
    write_folder(images, tmp_path / "folder")
    part = evaluate(str(tmp_path / "folder"), protocol(real, 100), workspace=workspace)
    again = evaluate(str(tmp_path / "folder"), protocol(real, 100), workspace=Workspace(str(tmp_path / "elsewhere")))
    other = evaluate(str(tmp_path / "folder"), protocol(real, 100), seed=1, workspace=workspace)
    assert part == again
    assert part[0].value != other[0].value


def test_a_changed_reference_is_another_protocol(real, fake, noise, workspace):
    first = evaluate(str(fake), protocol(real, 100), workspace=workspace)
    noise("real.npz", 400, seed=5)
    second = evaluate(str(fake), protocol(real, 100), workspace=workspace)
    assert first[0].protocol_digest != second[0].protocol_digest
    assert first[0].value != second[0].value


@pytest.mark.parametrize(("options", "said"), [
    ({"protocol": "cifar"}, ("unknown-protocol", "cifar", "cifar10-clean-10k")),
    ({"convention": "mine", "reference": "x"},
     ("unknown-convention", "mine", "adm, clean, clip, dgm, embedded, fidelity")),
    ({"metrics": "fid"}, ("unknown-metric", "fid", "accuracy, authpct, clipped_coverage")),
    ({"metrics": " , "}, ("unknown-metric", "' , '")),
    ({"convention": "embedded"}, ("no-reference", "--reference")),
    ({"n": 1}, ("too-few-images", 2, "--n 1")),
    ({"reference": "x", "n": 0}, ("too-few-images", 2, "--n 0")),
])
def test_a_protocol_that_cannot_be_is_a_sentence(options, said):
    with refused(*said):
        protocol_of(Question(**options))


def test_options_derive_protocols_under_names_of_their_own():
    assert protocol_of(Question()) == PROTOCOLS["fashion-mnist-embedded-2k"] == protocol_of(Question(n=2_000))
    assert protocol_of(Question(n=3_000)).n_generated == 3_000
    assert protocol_of(Question(n=3_000)).name not in PROTOCOLS
    unnamed = protocol_of(Question(convention="clean", reference="folder", n=50, held_out="other"))
    assert (unnamed.convention, unnamed.reference, unnamed.n_generated, unnamed.held_out) == (
        CONVENTIONS["clean"],
        "folder",
        50,
        "other",
    )
    assert protocol_of(Question(reference="folder")).n_generated == 10_000


def test_an_image_of_two_channels_reaches_no_extractor(tmp_path, real, workspace):
    write_npz(tmp_path / "two.npz", np.zeros((5, 2, 8, 8), np.uint8))
    with refused("not-images", "two.npz"):
        evaluate(str(tmp_path / "two.npz"), protocol(real, 5), workspace=workspace)


def test_another_seed_draws_other_images_and_finds_the_reference(tiny, garments, workspace, work):
    spec = sampling_spec(tiny, workspace)
    asked = protocol(garments, 30, convention=Convention("judge", ("judge",)))
    first = evaluate(spec, asked, seed=0, workspace=workspace)
    assert work == {"draw": 90, "extract": 90}
    second = evaluate(spec, asked, seed=1, workspace=workspace)
    assert work == {"draw": 120, "extract": 120}
    assert {row.value for row in first}.isdisjoint(row.value for row in second)


def test_a_number_changes_a_protocol_that_was_given_whole(real, fake, workspace):
    scores = evaluate(str(fake), protocol(real, 400), n=50, workspace=workspace)
    assert {score.n for score in scores} == {50}


SUBSETS = {"kid": {"subsets": 10, "subset_size": 200}}


def test_too_few_images_for_every_metric_are_said_before_any_work(noise, fake, workspace, work):
    few = noise("few.npz", 150)
    of_subsets = replace(PIXELS, metrics=("kid",), settings=SUBSETS)
    with refused("nothing-to-measure", "kid", 200):
        evaluate(str(fake), protocol(few, 400, convention=of_subsets), workspace=workspace)
    with refused("nothing-to-measure", 4):
        evaluate(str(fake), protocol(fake, 3), workspace=workspace)
    assert not (workspace.root / "store").exists()


@pytest.mark.parametrize(("settings", "missing", "least"), [
    (SUBSETS, "kid", 200), ({"fd_infinity": {"points": 0}}, "fd_infinity", 96),
])
def test_a_metric_of_the_convention_that_needs_more_images_does_not_stop_the_others(
    fake, noise, workspace, settings, missing, least
):
    asked = replace(PIXELS, metrics=("kid", "fd", "fd_infinity"), settings=settings)
    few, reference = 90 if missing == "fd_infinity" else 150, noise("few.npz", 150)
    scores = evaluate(str(fake), protocol(reference, few, convention=asked), workspace=workspace)
    assert missing not in {score.row for score in scores}
    assert {score.row for score in scores} >= {"kid", "fd"} - {missing}
    facts = [caveat.facts for caveat in scores[0].caveats if caveat.rule == "left out"]
    assert [one["needs"] for one in facts if missing in one["metrics"]] == [{"of": ["images"], "least": least}]


# Extractors of the user's, files of other tools, training sets


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A TOML file of a small network of the user's; -> its path."""
    (tmp_path / "mynets.py").write_text("""
import torch
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3, 2), torch.nn.ReLU(), torch.nn.Flatten())
""")
    (tmp_path / "mine.toml").write_text('factory = "mynets:net"\ninput = [1, 8, 8]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path / "mine.toml"
    sys.modules.pop("mynets", None)


def test_a_network_of_the_users_measures_under_its_own_name_wherever_its_file_lies(mine, real, fake, workspace):
    asked = protocol_of(Question(reference=str(real), n=100, extractor=str(mine), metrics="kid,fd"))
    scores = evaluate(str(fake), asked, workspace=workspace)
    assert [score.metric for score in scores] == ["kid_mine", "fd_mine"]
    assert asked.name.endswith("extractor " + str(mine) + ", metrics kid, fd")
    (mine.parent / "elsewhere").mkdir()
    mine.rename(mine.parent / "elsewhere" / "mine.toml")
    moved = Question(reference=str(real), n=100, extractor=str(mine.parent / "elsewhere" / "mine.toml"),
                     metrics="kid,fd")
    again = evaluate(str(fake), moved, workspace=workspace)
    assert [(s.metric, s.value, s.protocol_digest) for s in again] == [
        (s.metric, s.value, s.protocol_digest) for s in scores
    ]


def test_a_batch_of_guided_diffusion_gives_distances_from_its_statistics_and_the_rest_from_its_images(
    real, fake, workspace, tmp_path
):
    """ADM's reference batches: mu and sigma of a whole training set beside 10,000 images of it."""
    whole = moments(np.concatenate([features_of(real), features_of(fake)])).statistics()
    save_statistics(tmp_path / "batch.npz", whole, images=np.load(real)["arr_0"])
    convention = replace(PIXELS, metrics=("fd", "kid", "precision"))
    from_batch, from_images = (
        by_metric(evaluate(str(fake), protocol(path, 400, convention=convention), workspace=workspace))
        for path in (tmp_path / "batch.npz", real)
    )
    expected = frechet_distance(whole, moments(features_of(fake)).statistics())
    assert from_batch["fd_pixels"].value == pytest.approx(expected, rel=1e-9)
    for name in ("kid_pixels", "precision_pixels"):
        assert from_batch[name].value == from_images[name].value


def test_features_of_another_tool_are_a_reference(real, fake, workspace, tmp_path):
    np.savez(tmp_path / "feats.npz", feats=features_of(real))
    convention = replace(PIXELS, metrics=("fd", "kid", "recall"))
    from_file, from_images = (
        by_metric(evaluate(str(fake), protocol(path, 400, convention=convention), workspace=workspace))
        for path in (tmp_path / "feats.npz", real)
    )
    assert {name: score.value for name, score in from_file.items()} == {
        name: score.value for name, score in from_images.items()
    }
    np.savez(tmp_path / "feats.npz", feats=features_of(real)[:, :7])
    with refused("unequal-features", "length 7", "pixels: 64"):
        evaluate(str(fake), protocol(tmp_path / "feats.npz", 400, convention=convention), workspace=workspace)


@pytest.mark.long
def test_spatial_statistics_give_sfid_and_files_without_them_give_none(workspace, tmp_path, noise, inception_weights):
    """The first seven channels of a layer, seen through the same way as every other score."""
    workspace = replace(workspace, inception_weights=str(inception_weights))
    reference, model = noise("real.npz", 6, (3, 32, 32)), noise("fake.npz", 5, (3, 32, 32), seed=1)
    adm = replace(CONVENTIONS["adm"], metrics=("fd", "sfd"), settings={})
    from_images = by_metric(evaluate(str(model), protocol(reference, 5, convention=adm), workspace=workspace))
    assert set(from_images) == {"fd_inception_spatial", "sfd_inception_spatial"}  # not FID's own weights
    spatial = [
        moments(features["spatial"]).statistics()
        for features in (
            extract.extract(np.load(path)["arr_0"].transpose(0, 3, 1, 2),
                            extract.extractor_of("inception_spatial", workspace)) for path in (reference, model))
    ]
    assert from_images["sfd_inception_spatial"].value == pytest.approx(frechet_distance(*spatial), rel=1e-6)
    plain = Statistics(np.zeros(2048), np.eye(2048), 0)
    save_statistics(tmp_path / "plain.npz", plain)
    save_statistics(tmp_path / "both.npz", plain, spatial=spatial[0])
    for name, metrics in (("plain.npz", {"fd"}), ("both.npz", {"fd", "sfd"})):
        found = by_metric(evaluate(str(model), protocol(tmp_path / name, 5, convention=adm), workspace=workspace))
        assert set(found) == {f"{metric}_inception_spatial" for metric in metrics}
    assert found["sfd_inception_spatial"].value == pytest.approx(frechet_distance(*spatial), rel=1e-6)


@pytest.fixture
def inception_weights(tmp_path):
    """Random numbers under the names of the FID network."""
    state = inception.Inception().state_dict()
    random = torch.Generator().manual_seed(0)
    for name, value in state.items():
        if value.ndim > 1:
            state[name] = torch.randn(value.shape, generator=random) * (2 / value[0].numel()) ** 0.5
    torch.save(state, tmp_path / "random.pth")
    return tmp_path / "random.pth"


def test_what_the_model_learned_from_counts_where_it_is_known(real, fake, noise, workspace):
    training, other = noise("training.npz", 300, seed=5), noise("other.npz", 400, seed=6)
    memory = replace(PIXELS, metrics=("kid", "authpct", "copies", "ct"))
    asked = replace(protocol(real, 200, convention=memory), training=str(training))
    names = ["kid_pixels", "authpct_pixels", "copies_pixels", "ct_pixels"]
    job = prepare(str(fake), asked, 0, workspace)
    assert job.unseen == "reference"
    assert [score.metric for score in evaluate(str(fake), asked, workspace=workspace)] == names
    # Nothing unseen: the reference is the training set, and nobody gave other images.
    learned = replace(asked, reference=str(training), n_generated=200)
    assert prepare(str(fake), learned, 0, workspace).unseen == ""
    assert list(by_metric(evaluate(str(fake), learned, workspace=workspace))) == names[:2]
    held_out = replace(learned, held_out=str(other))
    assert prepare(str(fake), held_out, 0, workspace).unseen == "held_out"
    scores = by_metric(evaluate(str(fake), held_out, workspace=workspace))
    assert list(scores) == names
    assert scores["authpct_pixels"].floor is not None
    assert scores["ct_pixels"].floor is None  # the unseen images cannot be their own judge


def test_metrics_without_what_they_need_are_refused_when_nothing_else_is_asked(real, fake, workspace):
    asked = protocol_of(Question(reference=str(real), n=100, metrics="authpct,ct"))
    asked = replace(asked, convention=replace(asked.convention, extractors=("pixels",)))
    with refused("nothing-to-measure", "authpct needs the model's training images"):
        evaluate(str(fake), asked, workspace=workspace)


def test_a_metric_that_needs_more_images_is_left_out_and_said(real, noise, workspace):
    few = noise("few.npz", 5)
    asked = protocol(real, 5, convention=replace(PIXELS, metrics=("kid", "precision")))
    (score,) = evaluate(str(few), asked, workspace=workspace)
    assert score.metric == "kid_pixels"
    assert "not computed: precision; needed: at least 7 images of each set" in map(caution, score.caveats)


def test_images_in_memory_and_functions_are_models(real, workspace):
    pixels = np.random.default_rng(7).integers(0, 256, (40, 1, 8, 8), np.uint8)
    asked = protocol(real, 40, convention=replace(PIXELS, metrics=("kid",)))
    found = {evaluate(model, asked, workspace=workspace)[0].value
             for model in (pixels, torch.from_numpy(pixels), lambda: pixels)}
    write_npz(workspace.root / "same.npz", pixels)
    assert found == {evaluate(str(workspace.root / "same.npz"), asked, workspace=workspace)[0].value}
    with refused("not-uint8", "float64"):
        evaluate(pixels / 255 - 0.5, asked, workspace=workspace)


class Noted:
    """Stages that do nothing and note in which order they were begun."""

    def __init__(self):
        self.begun = []

    def sample(self, name, part, index, rows, workspace):
        self.begun.append((name, index))

    def extract(self, name, images, extractor, workspace):
        self.begun.append((name, extractor))


def test_shards_of_several_models_are_begun_in_turn_and_shared_ones_once(noise, workspace):
    real = noise("real.npz", 1_200)
    jobs = [prepare(str(noise(f"{name}.npz", 2_100, seed=seed)), protocol(real, 2_100), 0, workspace)
            for seed, name in enumerate("ab", 1)]
    stages = Noted()
    submit(jobs, stages)
    images = [row for row in stages.begun if isinstance(row[1], int)]
    real, a, b = "reference", "a.npz", "b.npz"
    assert images == [(a, 0), (real, 0), (b, 0), (a, 1), (real, 1), (b, 1), (a, 2), (b, 2)]
    features = [name for name, extractor in stages.begun if extractor == "pixels"]
    assert features == [name for name, _ in images]
