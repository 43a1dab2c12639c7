"""Files of latents: what was written is read back to the last bit, and other files are refused."""

import json

import numpy as np
import pytest

from ganbench.gan.latent_files import FORMAT, Latents, read_latents, write_latents
from tests.refusals import refused


def latents(shape=(4, 8), labels=(3, 1)):
    values = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    rows = [{"image": "a.png", "psnr": 31.25}, {"image": "b.jpg", "psnr": float("inf")}]
    return Latents("m", "0" * 64, "w+", values, labels, rows, {"starts": 8, "seed": 0})


@pytest.mark.parametrize(("shape", "labels"), [((4, 8), (3, 1)), ((5,), ())])
def test_latents_are_read_as_they_were_written(tmp_path, shape, labels):
    given = latents(shape, labels)
    write_latents(tmp_path / "a.json", given)
    found = read_latents(tmp_path / "a.json", given.digest)
    np.testing.assert_array_equal(found.values, given.values)
    assert (found.model, found.space, found.labels, found.search) == ("m", "w+", labels, {"starts": 8, "seed": 0})
    assert found.rows == [{"image": "a.png", "psnr": 31.25}, {"image": "b.jpg", "psnr": None}]


def test_the_file_is_plain_json(tmp_path):
    write_latents(tmp_path / "a.json", latents())
    facts = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert facts["format"] == FORMAT
    assert facts["latents"][0]["class"] == 3
    assert np.shape(facts["latents"][1]["latent"]) == (4, 8)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.json"
    write_latents(path, latents())
    with refused("latents-do-not-fit", "m", "other.toml"):
        read_latents(path, "1" * 64, "other.toml")
    whole = json.loads(path.read_text())
    for text in ("", "[1]", '{"format": "x"}', json.dumps(whole | {"latents": [{}]}), json.dumps(whole | {"model": 3}),
                 json.dumps(whole | {"latents": [{"class": None, "latent": [1, "x"]}]})):
        path.write_text(text)
        with refused("unusable-config", "a.json"):
            read_latents(path)
    with refused("unreadable-file"):
        read_latents(tmp_path / "missing.json")
