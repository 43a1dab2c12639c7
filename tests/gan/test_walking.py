"""Perceptual path length from a model to a score: what is stored, what is reused, and who has none."""

import json
import sys

import numpy as np
import pytest

from ganbench import Question, evaluate
from ganbench.gan import walking
from ganbench.gan.evaluate import walk_one
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.jobs import prepare
from ganbench.gan.metrics.path_length import ppl
from ganbench.gan.models.loading import resolve
from ganbench.gan.parts import Part
from ganbench.gan.protocols import CONVENTIONS
from ganbench.gan.question import protocol_of
from ganbench.gan.sampling import generator_of
from ganbench.gan.stepping import steps
from ganbench.gan.store import rows_of
from ganbench.gan.types import Workspace
from ganbench.gan.words import caution, needs_of
from tests.refusals import refused

STYLED = "zoo:stylegan2-fashion-mnist"


@pytest.fixture
def model(tiny, tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(f'name = "tiny"\nfamily = "dcgan"\nweights = "{tiny}"\n')
    return str(path)


def asked(garments, metrics, n=40, extractor="pixels", **more):
    return Question(reference=str(garments), n=n, metrics=metrics, extractor=extractor, **more)


def test_the_score_is_the_mean_of_the_steps(model, garments, workspace):
    (score,) = evaluate(model, asked(garments, "ppl", 130), seed=5, workspace=workspace)
    spec = resolve(model, workspace)
    taken = steps(generator_of(spec, workspace), spec, 5, "", 0, 130, extractor_of("pixels", workspace))["steps"]
    assert (score.metric, score.row, score.floor) == ("ppl_pixels", "ppl", None)
    assert (score.value, score.se) == (ppl(taken).value, ppl(taken).se)
    assert score.lower_is_better
    assert not score.decides


def test_a_model_with_w_has_both(garments, workspace):
    scores = {score.metric: score for score in
              evaluate(STYLED, asked(garments, "ppl,ppl_w,kid", extractor="judge"), workspace=workspace)}
    assert set(scores) == {"ppl_judge", "ppl_w_judge", "kid_judge"}
    assert 0 < scores["ppl_w_judge"].value < scores["ppl_judge"].value          # what a mapping network is for


def test_held_out_images_have_no_paths(model, garments, noise, workspace):
    held = noise("held.npz", 40, (1, 32, 32))
    scores = {score.metric: score for score in
              evaluate(model, asked(garments, "ppl,kid", held_out=str(held)), workspace=workspace)}
    assert scores["ppl_pixels"].floor is None
    assert scores["kid_pixels"].floor is not None


# What is stored


@pytest.fixture
def work(monkeypatch):
    """Which paths are walked, (space, start, stop)."""
    done, original = [], walking.steps

    def counted(model, spec, seed, space, start, stop, *more):
        done.append((space, start, stop))
        return original(model, spec, seed, space, start, stop, *more)

    monkeypatch.setattr(walking, "steps", counted)
    return done


def test_paths_are_walked_once_and_more_of_them_are_added(model, garments, workspace, work):
    first = evaluate(model, asked(garments, "ppl"), workspace=workspace)
    assert evaluate(model, asked(garments, "ppl"), workspace=workspace) == first
    evaluate(model, asked(garments, "ppl", 60), workspace=workspace)
    assert work == [("", 0, 40), ("", 40, 60)]
    evaluate(model, asked(garments, "kid"), workspace=workspace)
    evaluate(model, asked(garments, "ppl", 60), seed=1, workspace=workspace)
    evaluate(model, asked(garments, "ppl", 60, "judge"), workspace=workspace)
    assert work[2:] == [("", 0, 60), ("", 0, 60)]


def test_neither_workers_nor_batch_sizes_change_a_bit(model, garments, tmp_path):
    found = []
    for workers, batch_size in ((1, 250), (3, 7), (2, 64)):
        workspace = Workspace(str(tmp_path / f"{workers}"), batch_size=batch_size)
        found.append(evaluate(model, asked(garments, "ppl", 1_130), workspace=workspace, workers=workers))
    assert found[0] == found[1] == found[2]


def test_shards_are_one_after_the_other(model, workspace):
    spec = resolve(model, workspace)
    second = walk_one(Part(spec, 0, 1_030), 1, 30, "paths", "pixels", workspace)
    taken = steps(generator_of(spec, workspace), spec, 0, "", 1_000, 1_030, extractor_of("pixels", workspace))
    np.testing.assert_array_equal(rows_of(second)["steps"], taken["steps"])
    assert second.computed == 30
    assert walk_one(Part(spec, 0, 1_030), 1, 30, "paths", "pixels", workspace).computed == 0


def test_no_convention_walks_paths_unless_it_is_asked():
    """Two images by model and extractor for each path would double the cost of an evaluation."""
    assert all({"ppl", "ppl_w"}.isdisjoint((*row.metrics, *row.judge_metrics)) for row in CONVENTIONS.values())


def test_paths_need_no_probe_where_no_metric_takes_them(model, garments, workspace, monkeypatch):
    from ganbench.gan import jobs

    monkeypatch.setattr(jobs, "rounds", lambda *_: pytest.fail("drew images for nothing"))
    prepare(model, protocol_of(asked(garments, "kid")), 0, workspace)


# Who has none


def omitted_of(scores):
    return [caution(caveat) for score in scores for caveat in score.caveats if caveat.rule == "left out"]


def test_a_model_without_w_says_so_beside_its_other_scores(model, garments, workspace):
    scores = evaluate(model, asked(garments, "kid,ppl,ppl_w"), workspace=workspace)
    assert {score.metric for score in scores} == {"kid_pixels", "ppl_pixels"}
    assert omitted_of(scores) == ["not computed: ppl_w; needed: a model with a space W, such as StyleGAN2"]
    with refused("nothing-to-measure", "ppl_w", "W"):
        evaluate(model, asked(garments, "ppl_w"), workspace=workspace)


@pytest.mark.parametrize("name", ["zoo:gpt-fashion-mnist", "zoo:maskgit-fashion-mnist", "images"])
def test_what_has_no_latent_space_says_so(name, noise, garments, workspace):
    given = str(noise("a.npz", 40, (1, 32, 32))) if name == "images" else name
    job = prepare(given, protocol_of(asked(garments, "kid,ppl")), 0, workspace)
    assert job.metrics("pixels") == ("kid",)
    (one,) = job.omitted
    assert (one.metric, one.needs) == ("ppl", ("latents",))
    assert "a model with a latent space" in needs_of(one.needs, one.least)
    with refused("nothing-to-measure", "ppl"):
        prepare(given, protocol_of(asked(garments, "ppl")), 0, workspace)


def test_a_model_of_8_bit_images_says_that_steps_are_lost(tmp_path, garments, workspace, monkeypatch):
    (tmp_path / "eight.py").write_text(
        "import torch\n"
        "def make():\n"
        "    wide = torch.randn(8, 1024, generator=torch.Generator().manual_seed(0))\n"
        "    return lambda z: (torch.tanh(z @ wide) * 127.5 + 128).to(torch.uint8).reshape(-1, 1, 32, 32)\n")
    (tmp_path / "eight.toml").write_text('name = "eight"\nfactory = "eight:make"\nlatent_shape = [8]\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "eight", raising=False)
    scores = evaluate(str(tmp_path / "eight.toml"), asked(garments, "kid,ppl"), workspace=workspace)
    assert {score.metric for score in scores} == {"kid_pixels"}
    (said,) = omitted_of(scores)
    assert "lost in rounding" in said


# Names


def test_its_name_always_names_the_network(workspace):
    """LPIPS is the field's PPL; no extractor here is that, the Inception network neither."""
    from ganbench.gan.features import inception
    from ganbench.gan.scoring import score_name

    for row in ("ppl", "ppl_w"):
        assert score_name(row, "inception", inception.SHA256) == f"{row}_inception"
        assert score_name(row, "judge", "") == f"{row}_judge"


def test_the_list_of_metrics_has_it():
    from typer.testing import CliRunner

    from ganbench.flows.cli import app

    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(app, ["metrics", "--json"]).stdout)}
    assert rows["ppl"]["title"] == "Perceptual path length"
    assert "1812.04948" in rows["ppl"]["paper"]
    assert "W" in rows["ppl_w"]["title"]
