"""Images of other sizes and colours: each step is Pillow's own, and an evaluation with it is one of images that were
brought to that size by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganbench import evaluate
from ganbench.gan import preprocessing
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.images import from_pillow, pad_to, to_pillow, write_folder, write_npz
from ganbench.gan.jobs import asked_protocol, distinct, prepare
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.toml_file import read_spec, write_spec
from ganbench.gan.protocols import PROTOCOLS
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.types import ModelSpec
from tests.refusals import refused

RANDOM = np.random.default_rng(7)
FACTORY = '''
import torch
def grey28():
    return lambda z: torch.tanh(z.reshape(-1, 1, 28, 28))
'''


def pictures(n, *shape, top=256):
    return RANDOM.integers(0, top, (n, *shape), np.uint8)


def folder(path, images):
    write_folder(images, path)
    return str(path)


def by_metric(scores):
    return {score.metric: (score.value, score.se, score.floor) for score in scores}


@pytest.fixture
def generator28(tmp_path, monkeypatch):
    """A model file of a 28x28 generator, with a line of its own: generator28('pad = 32') -> its path."""
    (tmp_path / "mymodel28.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(line=""):
        path = tmp_path / f"mine{len(line)}.toml"
        path.write_text(f'factory = "mymodel28:grey28"\nlatent_shape = [784]\nresolution = 28\n{line}\n')
        return str(path)

    return write


# 28x28 against Fashion-MNIST


def test_native_images_padded_by_their_model_file_score_as_the_padded_ones_to_the_bit(tmp_path, garments, workspace):
    """Fashion-MNIST at its own size is Fashion-MNIST, once it is padded."""
    path = tmp_path / "native.toml"
    path.write_text('family = "images"\nweights = "fashion-mnist-28:train10k"\npad = 32\n')
    asked = Question(reference=str(garments), n=60, extractor="judge")
    padded, own = (evaluate(model, asked, workspace=workspace) for model in (str(path), "fashion-mnist:train10k"))
    assert by_metric(padded) == by_metric(own)
    assert padded[0].protocol_digest == own[0].protocol_digest      # so it stands in one table with the zoo


def test_a_28x28_generator_runs_under_the_default_protocol_by_a_line_of_its_file_or_an_option(generator28, workspace):
    spec = resolve(generator28("pad = 32"), workspace)
    drawn = draw(load(spec, workspace), spec, 0, 0, 3)["images"]
    raw = resolve(generator28(), workspace)
    assert np.array_equal(drawn, pad_to(draw(load(raw, workspace), raw, 0, 0, 3)["images"], 32))
    one = prepare(generator28("pad = 32"), protocol_of(Question()), 0, workspace)
    other = prepare(generator28(), protocol_of(Question(pad=32)), 0, workspace)
    assert one.shape == other.shape == (1, 32, 32)
    assert one.protocol_digest != other.protocol_digest             # an option is part of the protocol
    assert other.protocol.name == "fashion-mnist-embedded-2k, pad 32"


def test_without_either_the_sentence_says_both(generator28, workspace):
    with refused("unequal-sizes", "28x28", "32x32", "--pad 32", "pad = 32"):
        prepare(generator28(), protocol_of(Question()), 0, workspace)


def test_a_data_set_at_its_native_size_is_a_reference_for_it(generator28, workspace):
    asked = Question(reference="fashion-mnist-28:test", n=50, extractor="pixels")
    assert prepare(generator28(), protocol_of(asked), 0, workspace).shape == (1, 28, 28)


def test_native_and_padded_images_are_the_same_to_the_judge_once_all_are_padded(workspace):
    folders = DataFolders.of(workspace)
    native, padded = (open_data(name, folders).read(range(20)) for name in ("fashion-mnist-28:test",
                                                                            "fashion-mnist:test"))
    assert np.array_equal(preprocessing.preprocessed(native, ["pad 32"], "it"), padded)
    with refused("wrong-size", "1x28x28", "--pad 32"):
        extractor_of("judge", workspace)(native)


def test_the_judge_measures_native_images_with_the_option(generator28, workspace):
    asked = Question(reference="fashion-mnist-28:test", n=50, extractor="judge", pad=32)
    assert prepare(generator28(), protocol_of(asked), 0, workspace).shape == (1, 32, 32)


def test_a_padded_model_mixes_with_one_of_32_pixels(generator28, workspace, tmp_path):
    mixture = tmp_path / "mixture.toml"
    mixture.write_text('family = "mixture"\n[arguments]\nmodels = ["zoo:dcgan-fashion-mnist", '
                       f'"{generator28("pad = 32")}"]\nshares = [0.5, 0.5]\n')
    spec = resolve(str(mixture), workspace)
    images = draw(load(spec, workspace), spec, 0, 0, 20)["images"]
    assert images.shape == (20, 1, 32, 32)
    margins = images[:, :, :2].reshape(20, -1)
    assert (margins == 0).all(1).sum() > 0


# The steps


@pytest.mark.parametrize("method", sorted(preprocessing.METHODS))
def test_resizing_is_pillows(method):
    image = pictures(1, 3, 12, 9)[0]
    expected = from_pillow(to_pillow(image).resize((5, 5), Image.Resampling[method.upper()]))
    assert np.array_equal(preprocessing.preprocessed(image[None], [f"resize 5:{method}"], "it")[0], expected)


def test_grey_is_pillows_and_rgb_is_grey_three_times():
    images = pictures(2, 3, 4, 4)
    expected = np.stack([from_pillow(to_pillow(image).convert("L")) for image in images])
    assert np.array_equal(preprocessing.preprocessed(images, ["grey"], "it"), expected)
    assert np.array_equal(preprocessing.preprocessed(expected, ["rgb"], "it"), np.repeat(expected, 3, 1))


@pytest.mark.parametrize(("text", "full"), [("64", "64:bicubic"), (" 8:Lanczos ", "8:lanczos"), ("007:box", "7:box")])
def test_a_rule_is_a_size_and_a_method(text, full):
    assert preprocessing.resize_of(text, "--resize") == full


@pytest.mark.parametrize("text", ["big", "0", "64:cubic", "64x64", "-3", "64:", "9000"])
def test_other_rules_are_refused_with_the_methods(text):
    with refused("unfit-value", "lanczos", "--resize"):
        preprocessing.resize_of(text, "--resize")


@pytest.mark.parametrize("asked", [{"pad": 0}, {"pad": -4}, {"pad": 90_000}, {"resize": "x"}])
def test_sizes_that_cannot_be_are_refused(asked):
    with refused("unfit-value"):
        protocol_of(Question(**asked))


def test_other_colours_are_refused():
    with refused("unknown-choice", "grey", "rgb"):
        protocol_of(Question(colours="sepia"))


def test_what_does_not_fit_is_not_padded(tmp_path, workspace):
    data = folder(tmp_path / "large", pictures(4, 1, 12, 12))
    with refused("unequal-sizes", "12x12", "8x8", "large"):
        evaluate(data, Question(reference=data, pad=8, extractor="pixels"), workspace=workspace)


# Sets of other, or mixed, sizes


def test_mixed_sizes_score_as_the_images_that_pillow_resized(tmp_path, workspace):
    """On either side, and the floor's; `--resize` is part of the protocol's digest and of its name."""
    mixed, by_hand = {}, {}
    for name in ("model", "real", "held"):
        images = [pictures(1, 1, side, side + 1)[0] for side in range(6, 26)]
        mixed[name] = folder(tmp_path / name, images)
        by_hand[name] = folder(tmp_path / f"{name}-8", [
            from_pillow(to_pillow(image).resize((8, 8), Image.Resampling.LANCZOS)) for image in images])
    asked = Question(reference=mixed["real"], held_out=mixed["held"], extractor="pixels", resize="8:lanczos")
    found = evaluate(mixed["model"], asked, workspace=workspace)
    plain = Question(reference=by_hand["real"], held_out=by_hand["held"], extractor="pixels")
    expected = evaluate(by_hand["model"], plain, workspace=workspace)
    assert by_metric(found) == by_metric(expected)
    assert found[0].protocol_digest != expected[0].protocol_digest
    assert "resize 8:lanczos" in found[0].protocol
    assert {"squeezed"} <= {caveat.rule for caveat in found[0].caveats}     # 8x7 became 8x8


def test_another_method_is_another_protocol_and_another_score(tmp_path, workspace):
    real, model = (folder(tmp_path / name, pictures(30, 1, 20, 20)) for name in ("real", "model"))
    runs = [evaluate(model, Question(reference=real, extractor="pixels", resize=rule), workspace=workspace)[0]
            for rule in ("10", "10:bicubic", "10:nearest")]
    assert runs[0].protocol_digest == runs[1].protocol_digest != runs[2].protocol_digest
    assert runs[0].value == runs[1].value != runs[2].value


def test_a_mixed_folder_without_resize_is_refused_with_the_option(tmp_path, workspace):
    data = folder(tmp_path / "mixed", [pictures(1, 1, side, side)[0] for side in (8, 9, 9)])
    with refused("unequal-sizes", "--resize 8"):
        resolve(data, workspace)


@pytest.mark.parametrize(("colours", "channels"), [("grey", 1), ("rgb", 3)])
def test_grey_is_set_against_colours_on_request(tmp_path, workspace, colours, channels):
    grey, rgb = folder(tmp_path / "grey", pictures(20, 1, 8, 8)), folder(tmp_path / "rgb", pictures(20, 3, 8, 8))
    with refused("unequal-sizes", "1 channel", "3 channels", "--colours rgb"):
        evaluate(grey, Question(reference=rgb, extractor="pixels"), workspace=workspace)
    job = prepare(grey, protocol_of(Question(reference=rgb, extractor="pixels", n=20, colours=colours)), 0, workspace)
    assert job.shape == (channels, 8, 8)


def test_a_generator_is_resized_too(tiny, workspace, tmp_path):
    data = folder(tmp_path / "real", pictures(30, 1, 16, 16))
    spec = resolve(str(tiny), workspace, family="dcgan")
    asked = Question(reference=data, extractor="pixels", n=20, resize="16")
    assert prepare(spec, protocol_of(asked), 0, workspace).shape == (1, 16, 16)


# Keys, and the model file


@pytest.mark.parametrize(("model", "expected"), [
    ("zoo:dcgan-fashion-mnist",
     "bd6161ee15da3062b1081fd92778d64b8599bcf70e6ec28d7270e2c96e5f8298"),
    ("zoo:memoriser-fashion-mnist",
     "a168ddf9facbcd933af3e00de34f1e6951a38fe58ded3c558e126cf514d2a4c6"),
])
def test_a_model_without_these_lines_is_what_it_was_before_there_were_any(model, expected, workspace):
    assert identity(resolve(model, workspace)) == expected


def test_an_unset_option_changes_no_protocol():
    assert protocol_of(Question()) == PROTOCOLS["fashion-mnist-embedded-2k"]


def test_the_model_is_the_same_under_every_protocol(tiny, workspace):
    spec = resolve(str(tiny), workspace, family="dcgan")
    jobs = [prepare(spec, protocol_of(Question(n=50, extractor="judge", colours=colours)), 0, workspace)
            for colours in ("", "grey")]
    assert jobs[0].model_digest == jobs[1].model_digest == identity(spec)
    assert jobs[0].protocol_digest != jobs[1].protocol_digest


@pytest.mark.parametrize(("line", "field", "value"), [
    ("resize = 16", "resize", "16:bicubic"), ('resize = "16:box"', "resize", "16:box"), ("pad = 40", "pad", 40),
])
def test_the_model_file_says_it_and_it_is_part_of_what_the_model_is(generator28, workspace, line, field, value):
    spec, raw = read_spec(Path(generator28(line))), resolve(generator28(), workspace)
    assert getattr(spec, field) == value
    assert f"{field} = " in write_spec(spec)
    assert identity(resolve(generator28(line), workspace)) != identity(raw)


@pytest.mark.parametrize("line", ['resize = "16:cubic"', "resize = true", "resize = 0", "pad = 0", 'pad = "x"',
                                  'preprocessing = ["grey"]'])
def test_other_values_are_refused(generator28, line):
    with refused("unknown-field" if "preprocessing" in line else "unfit-value", line.split()[0]):
        read_spec(Path(generator28(line)))


# A part of the reference, held out


def test_20_percent_of_the_reference_are_held_out_and_no_longer_in_it(tmp_path, workspace):
    images = pictures(100, 1, 8, 8)
    data, model = folder(tmp_path / "real", images), folder(tmp_path / "model", pictures(20, 1, 8, 8))
    asked = Question(reference=data, held_out="20%", extractor="pixels")
    job = prepare(model, protocol_of(Question(**{**vars(asked), "n": 20})), 0, workspace)
    rest, held = (open_part(job, role, workspace) for role in ("reference", "held_out"))
    assert (len(rest), len(held)) == (80, 20)
    assert {image.tobytes() for image in rest} | {image.tobytes() for image in held} == {i.tobytes() for i in images}
    scores = evaluate(model, asked, workspace=workspace)
    assert all(score.floor is not None for score in scores if score.row in ("fd", "kid"))
    by_hand = Question(reference=npz(tmp_path / "rest.npz", rest), held_out=npz(tmp_path / "held.npz", held),
                       extractor="pixels")
    assert by_metric(scores) == by_metric(evaluate(model, by_hand, workspace=workspace))


def npz(path, images):
    write_npz(path, images)
    return str(path)


def open_part(job, role, workspace):
    images = load(job.parts[role].spec, workspace).images
    return images.read(range(images.n))


def test_the_same_part_is_held_out_every_time_and_labels_go_with_it(tmp_path, workspace):
    images = pictures(40, 1, 8, 8)
    images[:, 0, 0, 0] = np.arange(40)
    write_folder(images, tmp_path / "real", [i % 4 for i in range(40)])
    specs = [resolve(str(tmp_path / "real"), workspace, arguments={"held_out": 25.0}) for _ in range(2)]
    assert identity(specs[0]) == identity(specs[1])
    part = load(specs[0], workspace).images
    assert part.labels.tolist() == [row % 4 for row in part.read(range(10))[:, 0, 0, 0].tolist()]


@pytest.mark.parametrize("share", ["0%", "100%", "250 %"])
def test_shares_that_cannot_be_are_refused(noise, workspace, share):
    with refused("unfit-value", share):
        evaluate(str(noise("a.npz", 30)), Question(reference=str(noise("b.npz", 30)), held_out=share,
                                                    extractor="pixels"), workspace=workspace)


def test_a_part_of_too_few_images_is_refused(noise, workspace):
    with refused("too-few-images", 30, "1 %"):
        evaluate(str(noise("a.npz", 30)), Question(reference=str(noise("b.npz", 30)), held_out="1%",
                                                    extractor="pixels"), workspace=workspace)


def test_what_is_held_out_of_the_training_images_is_not_unseen(noise, workspace):
    data = str(noise("b.npz", 100))
    asked = Question(reference=data, training=data, held_out="20%", extractor="pixels", n=15)
    assert prepare(str(noise("a.npz", 20)), protocol_of(asked), 0, workspace).unseen == ""


# How many


@pytest.mark.parametrize(("asked", "n", "name"), [
    (None, 60, "n=60"), (50, 50, "n=50"),
])
def test_a_folder_as_model_measures_all_its_images(noise, tmp_path, workspace, asked, n, name):
    model = folder(tmp_path / "model", pictures(60, 1, 8, 8))
    question = Question(reference=str(noise("real.npz", 80)), n=asked, extractor="pixels")
    scores = evaluate(model, question, workspace=workspace)
    assert scores[0].n == n
    assert name in scores[0].protocol
    said = {caveat.rule for caveat in scores[0].caveats}
    assert ("part" in said) == (n < 60)


def test_fewer_images_than_a_preset_has_are_another_protocol(tmp_path, workspace):
    spec = resolve(folder(tmp_path / "model", pictures(6, 1, 32, 32)), workspace)
    found = asked_protocol(Question(), [spec], workspace)
    assert (found.n_generated, found.name) == (6, "fashion-mnist-embedded-2k, n=6")


def test_of_two_folders_all_of_the_smaller_one(tmp_path, workspace, noise):
    models = [folder(tmp_path / name, pictures(n, 1, 8, 8)) for name, n in (("a", 30), ("b", 40))]
    question = Question(reference=str(noise("real.npz", 80)), extractor="pixels")
    assert asked_protocol(question, distinct(models, workspace), workspace).n_generated == 30


def test_more_images_than_a_preset_has_stay_a_part_that_is_told(workspace):
    spec = resolve("fashion-mnist:train10k", workspace)
    assert asked_protocol(Question(), [spec], workspace) == PROTOCOLS["fashion-mnist-embedded-2k"]


def test_a_generator_draws_as_many_as_ever(tiny, workspace):
    spec = ModelSpec("tiny", "dcgan", weights=str(tiny))
    assert asked_protocol(Question(reference="fashion-mnist:test"), [spec], workspace).n_generated == 10_000
