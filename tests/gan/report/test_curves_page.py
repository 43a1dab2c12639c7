"""The page of learning curves: self-contained, in both languages, with every curve and every number."""

import json
import re

import numpy as np
import pytest

from ganbench.gan.curves.band import bands_of
from ganbench.gan.curves.diagnosis import diagnose
from ganbench.gan.curves.drawing import panels_of
from ganbench.gan.curves.summary import summaries
from ganbench.gan.report.curves import page
from tests.gan.curves.cases import HELD_OUT, TUNING, run_of_case


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


def test_the_report_shows_the_curves_of_models_whose_log_lies_beside_their_weights(tmp_path):
    from ganbench.gan.curves.band import ZOO
    from ganbench.gan.curves.beside import log_beside, picture_beside
    from ganbench.gan.report import write_report
    from tests.gan.report.test_report import document

    (tmp_path / "loss.csv").write_text("step,seconds,discriminator,generator\n50,1,0.5,1\n100,2,0.4,2\n")
    (tmp_path / "other.csv").write_text("name,price\na,b\n")
    zoo = str(ZOO / "dcgan-fashion-mnist.safetensors")
    assert log_beside(str(tmp_path / "step-100.safetensors")) == tmp_path / "loss.csv"
    assert log_beside(zoo) == ZOO / "dcgan-fashion-mnist.csv"
    assert log_beside("") is None
    png = picture_beside({"mine": str(tmp_path / "step-100.safetensors"), "theirs": zoo, "data": ""})
    (tmp_path / "loss.csv").unlink()
    assert picture_beside({"other": str(tmp_path / "other.safetensors")}) is None
    for folder, pictures in (("with", {"curves": png}), ("without", {})):
        write_report(tmp_path / folder, document(), pictures)
        for name, words in (("report.html", 'id="curves"'), ("report.md", "pictures/curves.png"),
                            ("report.fr.md", "Courbes d'apprentissage")):
            assert (words in (tmp_path / folder / name).read_text("utf-8")) == (folder == "with")


@pytest.mark.parametrize("several", [1, 2, 9])
def test_each_of_several_runs_is_named(several):
    text = page_of(*(TUNING + HELD_OUT)[:several])
    assert text.count("<figure") >= 1
    assert ("<th scope=\"col\" class=\"text\">" in text) == (several > 1)
