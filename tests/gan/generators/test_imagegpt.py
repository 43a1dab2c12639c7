"""Folders of ImageGPT, written by transformers itself: its own network and palette are what images are held against."""

import json
import os
import pickle
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ganbench.gan.drawing import draw
from ganbench.gan.generators import imagegpt
from ganbench.gan.generators.imagegpt import ImageGPT
from ganbench.gan.generators.transformer import choose
from ganbench.gan.inspection import inspect_model, save_toml
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.openers import OPENERS, complete, makers
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.sampling import shard_key
from ganbench.gan.sources import HERE, short
from ganbench.gan.types import BadOutput, ModelSpec, Workspace
from tests.refusals import refused

transformers = pytest.importorskip("transformers")

SMALL = {"vocab_size": 17, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 2}
COLOURS = np.random.default_rng(0).uniform(-1, 1, (16, 3)).astype(np.float32)
WEIGHTS = "model.safetensors"


def network(**options):
    """Random weights, large enough that every pixel depends on those before it."""
    torch.manual_seed(0)
    made = transformers.ImageGPTForCausalImageModeling(transformers.ImageGPTConfig(**{**SMALL, **options}))
    for name, weight in made.named_parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.3 if "lm_head" in name else 0.2)
    return made.eval()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """What save_pretrained of the model and of its image processor write."""
    folder = tmp_path_factory.mktemp("imagegpt") / "small"
    network().save_pretrained(folder)
    transformers.ImageGPTImageProcessor(clusters=COLOURS, size={"height": 8, "width": 8}).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(saved, tmp_path / "small")


def change(path, **values):
    table = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({name: value for name, value in table.items() if value is not None}))


@torch.no_grad()
def plainly(folder, uniforms, temperature=1.0, top_k=0):
    """Token numbers (n, 64): transformers' loader and warpers, everything computed again for each pixel."""
    model = transformers.ImageGPTForCausalImageModeling.from_pretrained(folder).eval()
    warpers = [transformers.TemperatureLogitsWarper(temperature)]
    warpers += [transformers.TopKLogitsWarper(top_k)] if top_k else []
    tokens = torch.full((len(uniforms), 1), model.config.vocab_size - 1)
    for k in range(model.config.n_positions):
        logits = model(input_ids=tokens, use_cache=False).logits[:, -1]
        for warper in warpers:
            logits = warper(tokens, logits)
        cumulated = logits.double().softmax(1).cumsum(1).numpy()
        chosen = [int(np.searchsorted(row, u, side="right")) for row, u in zip(cumulated, uniforms[:, k], strict=True)]
        tokens = torch.cat([tokens, torch.tensor(chosen)[:, None]], 1)
    return tokens[:, 1:].numpy()


@pytest.mark.parametrize("arguments", [{}, {"temperature": 0.6}, {"top_k": 3}, {"temperature": 2.0, "top_k": 5}])
def test_the_images_are_those_of_transformers_without_a_cache(saved, arguments):
    model = load(resolve(str(saved), arguments=arguments))
    draws = model.draws(range(5), seed=3)
    tokens = plainly(saved, draws.numpy(), **arguments)
    images = model.sample(draws).permute(0, 2, 3, 1).reshape(5, 64, 3).numpy()
    assert np.array_equal(images, COLOURS[tokens])
    assert len(np.unique(tokens)) > 8
    assert not np.array_equal(tokens[0], tokens[1])


def test_what_is_drawn_are_the_colours_as_transformers_paints_them(saved):
    """uint8 as in the example of its documentation: rint(127.5 * (clusters[s] + 1))."""
    spec = resolve(str(saved))
    model = load(spec)
    drawn = draw(model, spec, 0, 0, 4)["images"]
    tokens = plainly(saved, model.draws(range(4), 0).numpy())
    painted = np.rint(127.5 * (COLOURS[tokens] + 1)).astype(np.uint8).reshape(4, 8, 8, 3)
    assert (drawn.shape, drawn.dtype) == ((4, 3, 8, 8), np.uint8)
    assert np.array_equal(drawn.transpose(0, 2, 3, 1), painted)
    assert np.array_equal(draw(model, spec, 0, 2, 4)["images"], drawn[2:])


def test_an_image_is_its_seeds_whatever_its_neighbours(saved):
    model = load(resolve(str(saved)))
    draws = model.draws(range(8), seed=1)
    assert draws.shape == (8, 64)
    assert 0 <= draws.min() < draws.max() < 1
    together = model.sample(draws)
    assert torch.equal(torch.cat([model.sample(model.draws([i], 1)) for i in range(8)]), together)
    assert torch.equal(model.sample(model.draws([5, 2], 1)), together[[5, 2]])
    assert not torch.equal(model.sample(model.draws(range(8), 2)), together)


def test_it_knows_no_classes(saved):
    spec = resolve(str(saved))
    model = load(spec)
    assert (model.n_classes, spec.n_classes, spec.channels, spec.resolution) == (0, 0, 3, 8)
    assert draw(model, spec, 0, 0, 2).keys() == {"images"}


class Fixed(torch.nn.Module):
    """The same distribution for every pixel."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, input_ids, past_key_values, use_cache):
        made = type("Made", (), {})()
        made.logits, made.past_key_values = self.logits.expand(len(input_ids), 1, -1), None
        return made


def shares(**options):
    model = ImageGPT(Fixed([0.0, 1.0, -2.0, 0.5]), torch.arange(12.0).reshape(4, 3), 10, **options)
    red = model.sample(((torch.arange(10_000) + 0.5) / 10_000).reshape(100, 100))[:, 0]
    return torch.bincount((red / 3).long().flatten(), minlength=4) / 10_000


def test_colours_come_as_often_as_temperature_and_top_k_say():
    e = np.exp([0.0, 1.0, -2.0, 0.5])
    assert shares() == pytest.approx(e / e.sum(), abs=1e-3)
    assert shares(temperature=0.5) == pytest.approx(e**2 / (e**2).sum(), abs=1e-3)
    assert shares(top_k=2) == pytest.approx(np.array([0, e[1], 0, e[3]]) / (e[1] + e[3]), abs=1e-3)
    assert torch.equal(shares(top_k=1), torch.tensor([0.0, 1.0, 0.0, 0.0]))
    assert torch.equal(shares(top_k=99), shares())


def test_nan_is_named_with_its_pixel():
    model = ImageGPT(Fixed([0.0, float("nan")]), torch.zeros(2, 3), 2, "mine")
    with refused("images-not-finite", "mine", 0, kind=BadOutput):
        model.sample(torch.zeros(1, 4))


def test_the_global_random_state_stays_and_nothing_is_printed(saved, capfd):
    before = torch.get_rng_state()
    model = load(resolve(str(saved)))
    model.sample(model.draws([0], 0))
    assert torch.equal(torch.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


# Where it lies

def test_a_model_file_names_the_folder_from_where_it_lies(saved, folder, tmp_path):
    (tmp_path / "m.toml").write_text('family = "imagegpt"\nweights = "small"\n[arguments]\ntop_k = 4\n')
    spec = resolve(str(tmp_path / "m.toml"))
    assert identity(spec) == identity(resolve(str(saved), arguments={"top_k": 4})) != identity(resolve(str(saved)))
    change(folder / "preprocessor_config.json", clusters=COLOURS[::-1].tolist())
    with refused("changed-content"):
        OPENERS["imagegpt"].look(spec, Workspace())
    assert identity(complete(replace(spec, sha256=""), Workspace())) != identity(spec)


def test_a_repository_of_the_hub_is_pinned_to_its_commit(saved, tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    commit = "e" * 40
    repository = tmp_path / "hub" / "models--org--pixels"
    shutil.copytree(saved, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    spec = resolve("hf:org/pixels@main")
    assert (spec.family, spec.weights) == ("imagegpt", f"hf:org/pixels@{commit}")
    assert identity(spec) == identity(resolve(str(saved)))
    (tmp_path / "m.toml").write_text(write_spec(spec))
    assert resolve(str(tmp_path / "m.toml")) == spec
    draws = load(spec).draws([0], 0)
    assert torch.equal(load(spec).sample(draws), load(resolve(str(saved))).sample(draws))


def test_inspect_says_what_it_is_and_writes_a_model_file(folder, tmp_path):
    found = inspect_model(str(folder))
    assert found.kind == "ImageGPT of transformers"
    assert found.notes == ("2 layers write 8 x 8 pixels in 16 colours",)
    assert [(weights.at, weights.numbers) for weights in found.sets] == [(WEIGHTS, network().num_parameters())]
    save_toml(found, tmp_path / "m.toml")
    assert resolve(str(tmp_path / "m.toml")).sha256 == resolve(str(folder)).sha256
    assert inspect_model(str(tmp_path / "m.toml")).kind == "imagegpt"


def test_code_and_version_that_choose_the_colours_are_part_of_the_key(saved, monkeypatch):
    spec = resolve(str(saved))
    modules = {imagegpt.__name__, choose.__module__}
    assert {short(name) for name in modules} <= HERE.closure(*makers(spec, Workspace()))
    before = shard_key(spec, 0, 0, Workspace())
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    assert shard_key(spec, 0, 0, Workspace()) != before


def images_of(folder):
    model = load(resolve(str(folder)))
    return model.sample(model.draws(range(2), 0))


def test_weights_in_parts_with_old_constants_or_in_pytorchs_own_file_are_the_same_model(saved, folder):
    expected, state = images_of(saved), load_file(saved / WEIGHTS)
    (folder / WEIGHTS).unlink()
    old = {"attn.bias": torch.ones(1, 1, 64, 64), "attn.masked_bias": torch.tensor(-1e4)}
    old = {f"transformer.h.{layer}.{name}": value for layer in (0, 1) for name, value in old.items()}
    torch.save({**state, **old}, folder / "pytorch_model.bin")
    assert torch.equal(images_of(folder), expected)
    (folder / "pytorch_model.bin").unlink()
    names = sorted(state)
    for k, part in enumerate((names[::2], names[1::2]), 1):
        save_file({name: state[name] for name in part}, folder / f"model-0000{k}-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    assert torch.equal(images_of(folder), expected)
    (folder / "model-00001-of-00002.safetensors").unlink()
    with refused("missing-weights"):
        load(resolve(str(folder)))


# What cannot be used

def test_without_transformers_one_sentence_says_what_to_install(saved, monkeypatch):
    spec = resolve(str(saved))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with refused("missing-package", "transformers"):
        load(spec)


@pytest.mark.parametrize(("clusters", "said"), [
    (None, ("no-colours", "no clusters", "16 colours (red, green, blue) in [-1, 1]")),
    ("red", ("no-colours", "clusters that are no table of numbers", "16 colours")),
    ([[0.0, 0.0], [1.0]], ("no-colours", "clusters that are no table of numbers", "16 colours")),
    ([[0, 0, 0]] * 15, ("no-colours", "(15, 3)", "16 colours")),
    ([[0, 0]] * 16, ("no-colours", "(16, 2)", "16 colours")),
    ([[0, 128, 255]] * 16, ("no-colours", 0, 255, "16 colours")),
    ([[0, 0, float("nan")]] * 16, ("no-colours", "nan", "16 colours")),
])
def test_a_palette_that_does_not_fit_is_one_sentence(folder, clusters, said):
    change(folder / "preprocessor_config.json", clusters=clusters)
    with refused(*said) as caught:
        resolve(str(folder))
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_palette_is_one_sentence(folder):
    (folder / "preprocessor_config.json").unlink()
    with refused("no-colours") as caught:
        resolve(str(folder))
    assert str(caught.value) == (f"{folder} has no colours for its tokens: found no preprocessor_config.json, expected "
                                 "16 colours (red, green, blue) in [-1, 1] in it as clusters.")


@pytest.mark.parametrize(("values", "said"), [
    ({"n_positions": 60}, ("unusable-config", "n_positions", 60)),
    ({"vocab_size": "17"}, ("unusable-config", "vocab_size", 17, 0)),
    ({"n_layer": True}, ("unusable-config", "n_layer", "True", 0)),
    ({"n_layer": 3}, ("weights-do-not-fit", "config.json", "n_layer", 3, 2)),
    ({"n_layer": 10**9}, ("weights-do-not-fit", "config.json", "n_layer", "1000000000", 2)),
    ({"n_embd": 10**9}, ("weights-do-not-fit", "config.json", "n_embd", "1000000000", 32)),
    ({"n_positions": 81}, ("weights-do-not-fit", "config.json", "n_positions", 81, 64)),
    ({"n_head": 5}, ("unusable-config", "config.json")),
    ({"n_inner": 7}, ("weights-do-not-fit", "ImageGPT", "transformer.h.0.mlp.c_fc.weight")),
    ({"activation_function": "os.system"}, ("unusable-config", "config.json")),
])
def test_numbers_that_do_not_fit_are_one_sentence(folder, values, said):
    change(folder / "config.json", **values)
    with refused(*said) as caught:
        load(resolve(str(folder)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"model_type": "gpt2"}'])
def test_a_folder_that_is_no_imagegpt_is_not_taken_for_one(folder, text):
    (folder / "config.json").write_text(text)
    assert not imagegpt.is_imagegpt(folder)
    with refused("unusable-config", "config.json"):
        imagegpt.look(ModelSpec("small", "imagegpt", weights=str(folder)), folder)
    with refused("needs-family", "holds weights, but not what they belong to"):
        resolve(str(folder))


@pytest.mark.parametrize(("arguments", "said"), [
    ({"temperature": 0}, ("unfit-value", "temperature", 0)),
    ({"temperature": float("inf")}, ("unfit-value", "temperature", "inf")),
    ({"temperature": True}, ("unfit-value", "temperature", "True")),
    ({"top_k": -1}, ("unfit-value", "top_k", -1)),
    ({"top_k": 2.0}, ("unfit-value", "top_k", "2.0")),
    ({"steps": 3}, ("unknown-argument", "steps", "temperature, top_k")),
])
def test_arguments_that_it_does_not_take_are_sentences(saved, arguments, said):
    with refused(*said):
        resolve(str(saved), arguments=arguments)


def test_a_network_without_its_head_is_refused(folder):
    network().transformer.save_pretrained(folder)
    with refused("missing-weights", "transformer.wte.weight"):
        load(resolve(str(folder)))


def test_damaged_or_absent_weights_are_one_sentence(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:5_000])
    with refused("unreadable-weights", "truncated"):
        load(resolve(str(folder)))
    (folder / WEIGHTS).unlink()
    with refused("missing-weights", "model.safetensors", "pytorch_model.bin"):
        resolve(str(folder), family="imagegpt")


# Hostile folders

class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_weights_that_would_run_code_are_refused_and_not_run(folder, tmp_path):
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with refused("untrusted-code", "pytorch_model"):
        load(resolve(str(folder)))
    torch.save({"lm_head.weight": Bomb(tmp_path / "ran")}, folder / "pytorch_model.bin")
    with refused("untrusted-code", "pytorch_model"):
        load(resolve(str(folder)))
    assert not (tmp_path / "ran").exists()


def test_code_that_a_folder_brings_is_not_run(saved, folder, tmp_path):
    code = f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\nclass Net: pass\nclass Config: pass\n"
    (folder / "mine.py").write_text(code)
    classes = {"AutoConfig": "mine.Config", "AutoModel": "mine.Net", "AutoModelForCausalLM": "mine.Net"}
    quantised = {"quant_method": "mine"}
    change(folder / "config.json", architectures=["Net"], quantization_config=quantised, auto_map=classes)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}')
    assert torch.equal(images_of(folder), images_of(saved))
    assert not (tmp_path / "ran").exists()
