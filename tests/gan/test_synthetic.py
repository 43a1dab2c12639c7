"""Marks of synthetic images change no pixel and no score; Croissant says what was written."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from ganbench import Workspace, evaluate
from ganbench.gan.applications.augment.exporting import FORMATS, export
from ganbench.gan.croissant import CONTEXT, NAME, SYNTHETIC, croissant, write_croissant
from ganbench.gan.images import read_image, write_folder, write_npz, write_parquet
from ganbench.gan.question import Question
from ganbench.gan.synthetic import MARK, mark, marked_png
from tests.gan.applications.augment.test_exporting import made

ORIGIN = {"model": "mine", "model_digest": "d" * 64, "seed": 5}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), np.uint8)


def test_a_marked_file_has_the_same_pixels_the_term_of_iptc_and_the_models_digest(images, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(marked_png(images[0], ORIGIN))
    assert (read_image(path) == images[0]).all()
    with Image.open(path) as read:
        read.load()
        assert f"<Iptc4xmpExt:DigitalSourceType>{MARK}<" in read.info["XML:com.adobe.xmp"]
        assert json.loads(read.info["Description"]) == ORIGIN
    Image.fromarray(images[1].transpose(1, 2, 0)).save(tmp_path / "b.png")
    mark(tmp_path / "b.png", ORIGIN)
    assert (read_image(tmp_path / "b.png") == images[1]).all()
    assert MARK.encode() in (tmp_path / "b.png").read_bytes()


def test_scores_of_marked_files_are_those_of_unmarked_ones(images, tmp_path):
    write_folder(images, tmp_path / "plain")
    write_folder(images, tmp_path / "marked", encode=lambda i, image: marked_png(image, {**ORIGIN, "index": i}))
    write_npz(tmp_path / "real.npz", images[::-1][:30] // 2)
    asked = Question(reference=str(tmp_path / "real.npz"), metrics="fd,kid", extractor="pixels", n=30)
    space = Workspace(home=str(tmp_path / "home"))
    plain, marked = ([(one.metric, one.value, one.se) for one in evaluate(str(tmp_path / name), asked, workspace=space)]
                     for name in ("plain", "marked"))
    assert plain == marked
    assert all(value > 0 for _, value, _ in plain)


# Croissant: https://docs.mlcommons.org/croissant/docs/croissant-spec.html, what the specification requires

def check(found):
    assert found["@context"] == CONTEXT
    assert (found["@type"], found["conformsTo"]) == ("sc:Dataset", "http://mlcommons.org/croissant/1.0")
    assert found["name"]
    assert found["description"]
    for one in found["distribution"]:
        needed = {"cr:FileObject": {"contentUrl", "encodingFormat", "sha256"},
                  "cr:FileSet": {"includes", "encodingFormat"}}[one["@type"]]
        assert needed <= one.keys()
    known = {one["@id"] for one in found["distribution"]}
    for rows in found["recordSet"]:
        for field in rows["field"]:
            source = field["source"]
            assert source.get("fileSet", source.get("fileObject"))["@id"] in known
            assert field["dataType"]
            assert source["extract"]


@pytest.mark.parametrize("name", ["folder", "a.npz", "a.parquet"])
def test_what_is_required_is_there_and_digests_are_those_of_the_files(name, images, tmp_path):
    write = {"folder": lambda path: write_folder(images, path), "a.npz": lambda path: write_npz(path, images),
             "a.parquet": lambda path: write_parquet(path, images)}[name]
    write(tmp_path / name)
    path = write_croissant(tmp_path / name, 40, ORIGIN)
    assert path == (tmp_path / name / NAME if name == "folder" else tmp_path / f"{name}.{NAME}")
    found = json.loads(path.read_text())
    check(found)
    assert found["digitalSourceType"] == SYNTHETIC
    assert "d" * 64 in found["description"]
    for one in found["distribution"]:
        if "sha256" in one:
            content = (tmp_path / one["contentUrl"]).read_bytes()
            assert one["sha256"] == hashlib.sha256(content).hexdigest()


def test_copied_images_are_not_called_synthetic(images, tmp_path):
    write_folder(images, tmp_path / "a")
    found = croissant(tmp_path / "a", 40, {"source": "photos"}, synthetic=False)
    check(found)
    assert "digitalSourceType" not in found
    assert "synthetic" not in json.dumps(found)


@pytest.mark.parametrize("kind", FORMATS)
def test_exports_of_augmentation_have_it_too(kind, tmp_path):
    export(tmp_path / "out", kind, made())
    found = json.loads((tmp_path / "out" / NAME).read_text())
    check(found)
    assert found["name"] == "mine"
    assert len(found["distribution"]) == 1
