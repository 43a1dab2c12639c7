"""The TOML model file goes round, and every mistake in one is a sentence."""

from pathlib import Path

import pytest
import torch

from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.toml_file import read_spec, write_spec
from ganbench.gan.types import ModelSpec
from tests.refusals import refused


def weights(path: Path) -> Path:
    torch.save(DCGAN(z_dim=10, width=4, resolution=32, channels=1).state_dict(), path)
    return path


def test_a_spec_survives_its_toml(tmp_path):
    spec = ModelSpec(
        'a "name" with \\ and ü', factory="m:f", weights=str(tmp_path / "w.pt"), weights_key="a.b", sha256="0" * 64,
        latent="uniform", latent_shape=(3, 4), n_classes=10, output_range=(0.0, 1.0), layout="NHWC", channels=3,
        resolution=32, arguments={"n": 1, "x": 0.5, "flag": True, "list": [1, 2], "odd key": {"deep": "ü"}},
    )
    (tmp_path / "m.toml").write_text(write_spec(spec), "utf-8")
    assert read_spec(tmp_path / "m.toml") == spec


@pytest.mark.parametrize(("text", "said"), [
    ('family = "dcgan"\nwieghts = "x"', ("unknown-field", "wieghts", "did you mean weights")),
    ('family = "dcgan"\nzzz = 1', ("unknown-field", "zzz", "known are name, family")),
    ('family = "dcgan"\nfactory = "a:b"', ("needs-family", "both")),
    ('name = "x"', ("needs-family", "neither")),
    ("family = dcgan", ("unusable-config",)),
    ("family = 3", ("unfit-value", "family", 3, "a text in quotes")),
    ('family = "dcgan"\noutput_range = [1, 0]', ("unfit-value", "output_range", "[1, 0]", "two numbers, low and high")),
    ('family = "dcgan"\noutput_range = [0, inf]', ("unfit-value", "two numbers")),
    ('family = "dcgan"\nlatent_shape = 100', ("unfit-value", "a list of whole numbers above 0, such as [100]")),
    ('family = "dcgan"\nlayout = "CHW"', ("unfit-value", "one of NCHW, NHWC, NHW, NC")),
    ('family = "dcgan"\nlatent = "gaussian"', ("unfit-value", "one of normal, uniform, tokens, none")),
    ('family = "dcgan"\nn_classes = true', ("unfit-value", "a whole number")),
    ('family = "dcgan"\nchannels = 4', ("unfit-value", "1 or 3")),
    ('family = "dcgan"\nsha256 = "abc"', ("unfit-value", "64 hexadecimal digits")),
    ('family = "dcgan"\narguments = 3', ("unfit-value", "a table")),
    ('family = "dcgan"', ("missing-weights", "dcgan")),
    ('family = "dcgan"\nweights = "none.pt"', ("no-such-file", "none.pt")),
])
def test_a_model_file_with_a_mistake_says_where(tmp_path, text, said):
    (tmp_path / "m.toml").write_text(text)
    with refused(*said):
        resolve(str(tmp_path / "m.toml"))


def test_a_model_file_that_denies_the_familys_range_is_refused(tmp_path):
    weights(tmp_path / "w.pt")
    (tmp_path / "m.toml").write_text('family = "dcgan"\nweights = "w.pt"\noutput_range = [0, 1]')
    with refused("unequal-ranges", "[0.0, 1.0]", "[-1.0, 1.0]"):
        load(resolve(str(tmp_path / "m.toml")))
