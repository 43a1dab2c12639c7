"""The page of learning curves: self-contained, in both languages, with every curve and every number."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from ganbench.gan.curves.band import ZOO, bands_of
from ganbench.gan.curves.beside import logs_beside, recipe_beside, trainings_beside
from ganbench.gan.curves.diagnosis import diagnose
from ganbench.gan.curves.drawing import panels_of
from ganbench.gan.curves.summary import summaries
from ganbench.gan.report import write_report
from ganbench.gan.report.curves import page
from ganbench.gan.report.document import training_of
from ganbench.gan.report.pictures import curves_of
from tests.gan.curves.cases import HELD_OUT, TUNING, run_of_case
from tests.gan.report.test_report import document


def page_of(*cases, **more):
    runs = [run_of_case(case) for case in cases]
    verdicts = [diagnose(run, case.loss) for run, case in zip(runs, cases, strict=True)]
    return page(runs, panels_of(runs, **more), verdicts, summaries(runs), "a & b")


def test_the_page_has_nothing_outside_it_and_says_everything_twice():
    text = page_of(TUNING[1], bands=bands_of("r3gan-fashion-mnist"))
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "a &amp; b" in text
    assert text.count("<polygon") == 2
    for words in ("The discriminator wins between", "Le discriminateur domine entre", "Learning curves"):
        assert words in text
    assert len(re.findall(r"lang=\"en\"", text)) == len(re.findall(r"lang=\"fr\"", text)) + 1     # the page's own


def test_its_data_are_the_curves():
    case = HELD_OUT[5]
    data = json.loads(re.search(r'id="data">(.*?)</script>', page_of(case), re.S)[1])
    run = run_of_case(case)
    for curve in data[0]["curves"]:
        series = run.series[curve["label"]]
        at = np.searchsorted(series.step, curve["step"])
        np.testing.assert_allclose(curve["raw"], series.value[at], rtol=1e-5)


def test_nan_is_a_cross_and_no_number():
    text = page_of(TUNING[5])
    assert 'class="marks"' in text
    assert "NaN" not in re.search(r'id="data">(.*?)</script>', text, re.S)[1]
    assert '"nan"' in text


def test_the_logs_that_lie_beside_weights(tmp_path):
    (tmp_path / "loss.csv").write_text("step,seconds,discriminator,generator\n50,1,0.5,1\n100,2,0.4,2\n")
    (tmp_path / "quality.csv").write_text("step,kid,kid.se\n100,0.2,0.01\n")
    (tmp_path / "other.csv").write_text("name,price\na,b\n")
    zoo = str(ZOO / "dcgan-fashion-mnist.safetensors")
    assert logs_beside(str(tmp_path / "step-100.safetensors")) == [tmp_path / "loss.csv", tmp_path / "quality.csv"]
    assert logs_beside(zoo) == [ZOO / "dcgan-fashion-mnist.csv", ZOO / "dcgan-fashion-mnist-quality.csv"]
    assert logs_beside("") == []
    found = trainings_beside({"mine": str(tmp_path / "step-100.safetensors"), "theirs": zoo, "data": ""})
    assert [run.name for run, _ in found] == ["mine", "theirs"]
    assert set(found[0][0].series) == {"discriminator", "generator", "kid", "kid.se"}
    (tmp_path / "loss.csv").unlink()
    assert not trainings_beside({"other": str(tmp_path / "other.safetensors")})


@pytest.mark.parametrize("text", ["name,price\na,3\nb,4\n", "epoch,accuracy\n1,0.5\n2,0.6\n"])
def test_a_table_without_losses_and_scores_is_no_training(text, tmp_path):
    (tmp_path / "loss.csv").write_text(text)
    assert not trainings_beside({"mine": str(tmp_path / "weights.pt")})


def test_snapshots_that_could_not_be_measured_and_a_resumed_run_are_no_alarms(tmp_path):
    steps = [*range(50, 1_001, 50), *range(550, 2_001, 50)]
    (tmp_path / "loss.csv").write_text("step,discriminator,generator\n" + "".join(f"{k},0.6,1\n" for k in steps))
    (tmp_path / "quality.csv").write_text("step,kid,kid.se\n200,nan,nan\n" + "".join(
        f"{k},0.2,0.01\n" for k in (400, 600, 800, 600, 800, 1000)))
    ((run, verdicts),) = trainings_beside({"mine": str(tmp_path / "weights.pt")})
    assert run.restarts == (550,)
    assert [row.rule for row in verdicts if row.said == "found"] == ["restart"]


def test_scores_that_no_panel_shows_make_no_picture(tmp_path):
    (tmp_path / "loss.csv").write_text("step,coverage\n1,0.5\n2,0.6\n")
    ((run, _),) = trainings_beside({"mine": str(tmp_path / "weights.pt")})
    assert curves_of([run]) == {}


def test_a_training_is_judged_by_the_loss_of_its_recipe(tmp_path):
    assert recipe_beside(str(ZOO / "wgan-gp-fashion-mnist.safetensors")) == "wgan-gp-fashion-mnist"
    for text, recipe in (('recipe = "r3gan"', "r3gan-fashion-mnist"), ("my recipe", ""), ('recipe = "else"', "")):
        (tmp_path / "recipe.toml").write_text(text)
        assert recipe_beside(str(tmp_path / "step-100.safetensors")) == recipe


def test_the_report_shows_learning_curves_and_what_they_say_in_its_language(tmp_path):
    case = next(case for case in TUNING if "rate" in case.name or "wins" in case.name)
    run = run_of_case(case)
    training = training_of(run, diagnose(run, case.loss))
    assert training.found
    for folder, pictures, trainings in (("with", curves_of([run]), [training]), ("without", curves_of([]), [])):
        write_report(tmp_path / folder, replace(document(), trainings=tuple(trainings)), pictures)
        for name, words in (("report.html", 'id="curves"'), ("report.html", training.found[0].advice.fr[:14]),
                            ("report.md", "pictures/curves.png"), ("report.md", training.found[0].sentence.en[:20]),
                            ("report.fr.md", "Courbes d'apprentissage"), ("report.fr.md", "pictures/curves-fr.png")):
            assert (words in (tmp_path / folder / name).read_text("utf-8")) == (folder == "with")
