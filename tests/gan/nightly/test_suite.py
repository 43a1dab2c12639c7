"""A suite's file: what it may say, and a sentence for what it may not."""

import pytest

from ganbench.gan.nightly.suite import ZOO, Margin, read_suite
from tests.refusals import refused

WHOLE = """
protocols = ["fashion-mnist-embedded-2k"]
n = 500
schedule = "30 2 * * 1-5"
timezone = "Europe/Paris"

[gate]
champion = "mine"
alpha = 0.01

[margins]
kid = 0.002
fd = "5 %"

[limits]
peak_memory = "2 GB"
images_per_second = 10

[[models]]
name = "mine"
model = "zoo:dcgan-fashion-mnist"

[[models]]
folder = "runs"
pattern = "*.pt"
family = "dcgan"
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "garments.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


def test_a_suite_says_all_of_this(written, tmp_path):
    suite = read_suite(written(WHOLE))
    assert (suite.name, suite.against, suite.timezone) == ("garments", "champion", "Europe/Paris")
    assert [question.n for question in suite.questions] == [500]
    assert suite.margins == {"kid": Margin(0.002), "fd": Margin(0.05, relative=True)}
    assert suite.margin("fd_efficientnet_lite0", "fd").of(80.0) == pytest.approx(4.0)
    assert suite.limits.peak_memory == 2e9
    assert suite.models[1].folder == str(tmp_path / "runs")
    assert suite.models[1].opening.family == "dcgan"


def test_a_suite_needs_no_more_than_a_model(written):
    suite = read_suite(written('[[models]]\nmodel = "zoo:dcgan-fashion-mnist"\n'))
    assert suite.against == "first"
    assert suite.gate.alpha == 0.05


def test_ones_own_data_take_the_options_of_an_evaluation(written, tmp_path):
    (tmp_path / "real").mkdir()
    suite = read_suite(written('n = 50\n[[protocols]]\nreference = "real"\nmetrics = "kid"\n'
                               '[[models]]\nmodel = "zoo:dcgan-fashion-mnist"\n'))
    (question,) = suite.questions
    assert (question.reference, question.metrics, question.n) == (str(tmp_path / "real"), "kid", 50)


ONE = '[[models]]\nmodel = "m"\n'


@pytest.mark.parametrize(("text", "code", "named"), [
    ("", "unfit-value", "models"),
    ("[[models]]\n", "unfit-value", "neither"),
    ('[[models]]\nmodel = "m"\nfolder = "f"\n', "unfit-value", "both"),
    (f"nights = 3\n{ONE}", "unknown-field", "nights"),
    (f"{ONE}[gate]\nalpah = 0.1\n", "unknown-field", "gate.alpha"),
    (f"{ONE}[gate]\nalpha = 2\n", "unfit-value", "gate.alpha"),
    (f'{ONE}[gate]\nalpha = "x"\n', "unfit-value", "a number"),
    (f'{ONE}[gate]\nagainst = "last"\n', "unfit-value", "gate.against"),
    (f'{ONE}[gate]\nagainst = "champion"\n', "unfit-value", "gate.champion"),
    (f"{ONE}[gate]\nnights = 0\n", "unfit-value", "gate.nights"),
    (f"{ONE}[gate]\nnights = true\n", "unfit-value", "gate.nights"),
    (f"{ONE}[margins]\nkid = -1\n", "unfit-value", "margins.kid"),
    (f'{ONE}[margins]\nkid = "5 percent"\n', "unfit-value", "margins.kid"),
    (f'{ONE}[limits]\npeak_memory = "2 gigs"\n', "unfit-value", "limits.peak_memory"),
    (f"{ONE}[limits]\nparameters = 0\n", "unfit-value", "limits.parameters"),
    (f'schedule = "at three"\n{ONE}', "unfit-value", "schedule"),
    (f'timezone = "Mars"\n{ONE}', "unfit-value", "timezone"),
    (f'name = "../up"\n{ONE}', "unfit-value", "name"),
    (f"n = 1\n{ONE}", "unfit-value", "n"),
    (f"protocols = [3]\n{ONE}", "unfit-value", "protocols"),
    (f"seed = -1\n{ONE}", "unfit-value", "seed"),
    ("models = 3\n", "unfit-value", "models"),
    (f'{ONE}name = "a"\n{ONE}name = "a"\n', "unfit-value", "models.name"),
    ("gate = 3\n" + ONE, "unfit-value", "gate"),
    ("margins = 3\n" + ONE, "unfit-value", "margins"),
], ids=str)
def test_what_a_suite_may_not_say(written, text, code, named):
    with refused(code, named):
        read_suite(written(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with refused("unknown-suite", "none.toml"):
        read_suite(str(tmp_path / "none.toml"))


def test_the_suites_that_come_with_ganbench_are_suites():
    for path in ZOO.glob("*.toml"):
        assert read_suite(f"zoo:{path.stem}").name == path.stem
    with refused("unknown-suite", "zoo:none", "zoo:garments"):
        read_suite("zoo:none")
