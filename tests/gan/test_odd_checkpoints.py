"""Checkpoints as public repositories leave them, through `inspect` and, with the file that it wrote, `evaluate`.

A row says what `inspect` concludes and which fields have to be edited afterwards beside the placeholder of the factory;
the images must be those of the network itself.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ganbench import evaluate
from ganbench.gan.checkpoints import load_into, load_state
from ganbench.gan.guessing import kind_of, look
from ganbench.gan.images import write_npz
from ganbench.gan.inspection import FACTORY, inspect_model, save_toml
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.question import Question
from ganbench.gan.renaming import without_prefixes
from tests.gan import odd
from tests.refusals import refused

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Odd:
    """A checkpoint: the network whose images count, what is saved, and the guesses that are right."""

    make: Callable[[], nn.Module]
    save: Callable[[nn.Module], Any]
    factory: str                                            # '' where a family opens it
    guesses: dict[str, Any]
    edits: dict[str, str] = field(default_factory=dict)     # field -> line of TOML
    state: Callable[[nn.Module], nn.Module] = lambda module: module     # the part whose weights are saved


def plain(module):
    return module.state_dict()


def renamed(pattern, put):
    return lambda module: {re.sub(pattern, put, name, count=1): value for name, value in module.state_dict().items()}


def lightning(module, before="generator.", **settings):
    state = {before + name: value for name, value in module.state_dict().items()}
    other = {f"discriminator.{name}": value for name, value in odd.Discriminator(1).state_dict().items()}
    return {"epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.5.0", "state_dict": {**state, **other},
            "optimizer_states": [torch.optim.Adam(module.parameters()).state_dict()], "hyper_parameters": settings}


def shaken(module):
    """Another state of the same network: what lies beside its averages."""
    return {name: value + 1 if value.is_floating_point() else value for name, value in module.state_dict().items()}


def score_sde(module):
    """A list of averaged parameters without names, beside the weights of a DataParallel."""
    beside = {f"module.{name}": module.state_dict()[name] if "running" in name else value
              for name, value in shaken(module).items()}
    averages = [value.detach() for value in module.parameters()]
    return {"optimizer": torch.optim.Adam(module.parameters()).state_dict(), "model": beside, "step": 5,
            "ema": {"decay": 0.999, "num_updates": 7, "shadow_params": averages}}


def shadow(module):
    """Averages of parameters alone, by name: no running statistics."""
    names = dict(module.named_parameters())
    beside = {name: value if "running" in name else value * 2 for name, value in module.state_dict().items()}
    return {"model": beside, "ema": {"shadow": {name: value.detach() for name, value in names.items()}, "decay": 0.9}}


def ddim(module):
    """A list: weights, optimizer, epoch, step, averages."""
    return [shaken(module), torch.optim.Adam(module.parameters()).state_dict(), 3, 100, module.state_dict()]


def latent_diffusion(module):
    """Averages whose names lost their dots."""
    state = {f"model.{name}": value for name, value in shaken(module).items()}
    averages = {f"model_ema.{name.replace('.', '')}": value for name, value in module.state_dict().items()}
    return {"state_dict": {**state, **averages, "model_ema.decay": torch.tensor(0.99)}}


def openmmlab(module):
    """Averages beside the weights, whose dots became underscores."""
    averages = {f"ema_{name.replace('.', '_')}": value for name, value in module.state_dict().items()}
    return {"meta": {"epoch": 1}, "state_dict": {**shaken(module), **averages}}


def training_state(module):
    adam = torch.optim.Adam(module.parameters())
    sum(value.sum() for value in module.parameters()).backward()
    adam.step()
    return {"epoch": 2, "loss": torch.tensor(0.3), "optimizer_state_dict": adam.state_dict(),
            "model_state_dict": module.state_dict(), "scheduler": {"last_epoch": 2}}


def averaged_model(module):
    return {"n_averaged": torch.tensor(9), **{f"module.{name}": value for name, value in module.state_dict().items()}}


def half(module):
    return {name: value.half() if value.is_floating_point() else value for name, value in module.state_dict().items()}


MLP = {"latent_shape": (100,), "channels": 1, "resolution": 28, "layout": "NCHW"}
DCGAN = {"latent_shape": (100,), "channels": 1}
FAMILY = {"family": "dcgan", "arguments.z_dim": 100, "arguments.resolution": 32, "arguments.channels": 3}
FLAT = {"channels": 1, "resolution": 28, "layout": "NC"}
ZERO_ONE = {"output_range": "output_range = [0, 1]"}
UNIFORM = {"latent": 'latent = "uniform"'}

CHECKPOINTS = {
    "MLP GAN": Odd(odd.MLP, plain, "MLP", MLP),
    "MLP GAN, uniform noise": Odd(odd.MLP, plain, "MLP", MLP, UNIFORM),
    "flat MLP, sigmoid": Odd(odd.FlatMLP, plain, "FlatMLP", {**FLAT, "latent_shape": (64,)}, ZERO_ONE),
    "DCGAN with a linear head": Odd(odd.LinearDCGAN, plain, "LinearDCGAN", DCGAN),
    "class embedding beside z": Odd(odd.ConditionalMLP, plain, "ConditionalMLP", {
        "n_classes": 10, "latent_shape": (100,), "channels": 1, "resolution": 32, "layout": "NCHW"}),
    "class embedding times z": Odd(lambda: odd.LinearDCGAN(classes=10), plain, "LinearDCGAN",
                                   {**DCGAN, "n_classes": 10}, {"arguments": "[arguments]\nclasses = 10"}),
    "one-hot class beside z": Odd(odd.OneHotMLP, plain, "OneHotMLP", {**FLAT, "n_classes": 10, "latent_shape": (100,)}),
    "one-hot class with a layer of its own": Odd(odd.TwoHeads, plain, "TwoHeads", {
        "n_classes": 10, "latent_shape": (100, 1, 1), "channels": 1}),
    "classes in BatchNorm": Odd(odd.ConditionalBN, plain, "ConditionalBN", {
        "n_classes": 10, "latent_shape": (40,), "channels": 3}),
    "spectral norm, new": Odd(odd.normalised, plain, "normalised", {
        "n_classes": 10, "latent_shape": (40,), "channels": 3}),
    "spectral norm, old, and a plain factory": Odd(
        lambda: odd.ConditionalBN(nn.utils.spectral_norm), plain, "ConditionalBN", {
            "n_classes": 10, "latent_shape": (40,), "channels": 3}),
    "DataParallel DCGAN": Odd(odd.TutorialDCGAN, renamed("^", "module."), "", FAMILY),
    "VAE": Odd(odd.vae, plain, "vae", {**FLAT, "latent_shape": (20,), "output_range": (0.0, 1.0)}),
    "VAE with convolutions": Odd(odd.conv_vae, plain, "conv_vae",
                                 {"latent_shape": (12,), "channels": 3, "output_range": (0.0, 1.0)},
                                 {"output_range": "output_range = [-1, 1]"}),
    "DDPM with classes and a null class": Odd(
        lambda: odd.unet(classes=11), plain, "unet", {
            "n_classes": 10, "latent_shape": (1, 28, 28), "channels": 1},
        {"arguments": "[arguments]\nclasses = 11"}, state=lambda module: module.model),
    "DDPM with a table of 1,000 steps": Odd(
        lambda: odd.unet(table=True), plain, "unet", {"latent_shape": (1, 28, 28), "channels": 1},
        {"arguments": "[arguments]\ntable = true"}, state=lambda module: module.model),
    "flow U-Net in colour": Odd(
        lambda: odd.unet(channels=3, prefix="t_mlp"), plain, "unet", {"latent_shape": (3, 32, 32), "channels": 3},
        {"arguments": '[arguments]\nchannels = 3\nprefix = "t_mlp"'}, state=lambda module: module.model),
    "DDPM, averages as a list of parameters": Odd(
        odd.unet, score_sde, "unet", {"latent_shape": (1, 28, 28), "channels": 1}, state=lambda module: module.model),
    "DDIM's list": Odd(odd.unet, ddim, "unet", {"weights_key": "4", "latent_shape": (1, 28, 28), "channels": 1},
                       state=lambda module: module.model),
    "GPT over pixels": Odd(odd.PixelSampler, plain, "PixelSampler", {
        "latent": "none", "channels": 1, "resolution": 8, "output_range": (0.0, 15.0)},
        state=lambda module: module.gpt),
    "Lightning with settings": Odd(
        odd.MLP, lambda module: lightning(module, latent_dim=100, lr=1e-3), "MLP",
        {**MLP, "weights_key": "state_dict.generator"}),
    "Lightning, compiled": Odd(odd.MLP, lambda module: lightning(module, "generator._orig_mod."), "MLP",
                               {**MLP, "weights_key": "state_dict.generator"}),
    "Lightning, DataParallel inside": Odd(odd.MLP, lambda module: lightning(module, "generator.module."), "MLP",
                                          {**MLP, "weights_key": "state_dict.generator"}),
    "DCGAN, averages as a list": Odd(odd.TutorialDCGAN, score_sde, "", FAMILY),
    "DCGAN, averages without statistics": Odd(odd.TutorialDCGAN, shadow, "", FAMILY),
    "averages without dots": Odd(odd.LinearDCGAN, latent_diffusion, "LinearDCGAN",
                                 {**DCGAN, "weights_key": "state_dict.model_ema"}),
    "averages with underscores for dots": Odd(odd.LinearDCGAN, openmmlab, "LinearDCGAN",
                                              {**DCGAN, "weights_key": "state_dict.ema"}),
    "torch's AveragedModel": Odd(odd.LinearDCGAN, averaged_model, "LinearDCGAN", DCGAN),
    "FSDP": Odd(odd.LinearDCGAN, renamed("^(l1|conv_blocks)", r"_fsdp_wrapped_module.\1._fsdp_wrapped_module"),
                "LinearDCGAN", DCGAN),
    "StyleGAN's g_ema": Odd(odd.StyleOfOne, lambda module: {"g": shaken(module), "g_ema": plain(module)}, "StyleOfOne",
                            {"latent_shape": (24,), "channels": 3, "resolution": 16}),
    "BatchNorm without running statistics": Odd(
        lambda: odd.LinearDCGAN(stats=False), plain, "LinearDCGAN", DCGAN,
        {"arguments": "[arguments]\nstats = false"}),
    "half precision": Odd(odd.MLP, half, "MLP", MLP),
    "a whole training state": Odd(odd.MLP, training_state, "MLP", MLP),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    return tmp_path


def trained(make: Callable[[], nn.Module]) -> nn.Module:
    """A network whose pictures differ from each other: large weights, as training leaves them."""
    module = make()
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(2.5 if value.ndim > 1 else 1.5)
    return module.eval()


def edited(path: Path, case: Odd) -> str:
    """The written file after the user's edits."""
    text = path.read_text(encoding="utf-8").replace(FACTORY, f"tests.gan.odd:{case.factory}")
    for name, line in case.edits.items():
        found = re.search(rf"^{name} = .*$", text, re.MULTILINE)
        text = text.replace(found[0], line) if found else text + line + "\n"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_an_odd_checkpoint_is_inspected_edited_and_evaluated(here, workspace, name):
    case = CHECKPOINTS[name]
    module = trained(case.make)
    torch.save(case.save(case.state(module)), "w.pth")
    found = inspect_model("w.pth")
    values = {guess.field: guess.value for guess in found.guesses}
    always = {"latent": "normal", "output_range": (-1.0, 1.0), **({"factory": FACTORY} if case.factory else {})}
    assert {field: values.get(field) for field in {**always, **case.guesses}} == {**always, **case.guesses}
    assert ("n_classes" in values) == ("n_classes" in case.guesses)
    save_toml(found, here / "m.toml")
    text = (here / "m.toml").read_text()
    for guess in found.guesses:                             # no guess that is not marked as one, or lost
        lines = [line for line in text.splitlines() if line.startswith(guess.field.rpartition(".")[2] + " = ")]
        assert lines
        assert all("# guessed: " in line for line in lines)
    model = load(resolve(edited(here / "m.toml", case)))
    draws, labels = model.draws(range(20), 0), torch.arange(20) % 10 if model.n_classes else None
    with torch.no_grad():
        mine = model.sample(draws, labels) if model.n_classes else model.sample(draws)
        given = draws if case.factory else draws[:, :, None, None]
        expected = module(given, labels) if model.n_classes else module(given)
    expected = expected[0] if isinstance(expected, tuple) else expected
    torch.testing.assert_close(mine, expected, rtol=1e-2, atol=2e-2 if name == "half precision" else 1e-4)
    if name == "BatchNorm without running statistics":      # its images depend on the batch
        with refused("depends-on-batch", "running statistics"):
            measured(here, mine, workspace)
    else:
        measured(here, mine, workspace)


def measured(here: Path, images: torch.Tensor, workspace) -> None:
    """`evaluate` accepts the model file, against noise of the same shape."""
    shape = images.shape[1:] if images.ndim == 4 else (1, 28, 28)
    write_npz(here / "real.npz", np.random.default_rng(0).integers(0, 256, (40, *shape), np.uint8))
    asked = Question(reference=str(here / "real.npz"), extractor="pixels", metrics="diversity", n=20)
    scores = evaluate(str(here / "m.toml"), asked, workspace=workspace)
    assert [score.metric for score in scores] == ["diversity_pixels"]


def test_most_need_the_factory_alone_or_not_even_that():
    """Edits beside the placeholder: arguments of the factory, and what no weights say."""
    edits = [len(case.edits) for case in CHECKPOINTS.values()]
    assert len(edits) >= 24
    assert sum(edits) / len(edits) < 0.5
    assert max(edits) == 1


# What is missing is said exactly

def without(module, *endings):
    return {name: value for name, value in module.state_dict().items() if not name.endswith(endings)}


@pytest.mark.parametrize(("state", "module", "said"), [
    (without(odd.LinearDCGAN(stats=False)), odd.LinearDCGAN(),
     ("missing conv_blocks.0.running_mean (and 5 more)", "3 BatchNorm layers", "track_running_stats=False")),
    (without(odd.LinearDCGAN()), odd.LinearDCGAN(stats=False), ("3 BatchNorm layers", "track_running_stats=True")),
    (without(odd.LinearDCGAN(), "l1.0.bias"), odd.LinearDCGAN(), ("missing l1.0.bias",)),
    ({str(k): value for k, value in enumerate(odd.MLP().parameters())}, odd.FlatMLP(), ("8 tensors", "4 parameters")),
    ({str(k): value for k, value in enumerate(odd.LinearDCGAN().parameters())}, odd.LinearDCGAN(),
     ("missing conv_blocks.0.running_mean (and 5 more)",)),
], ids=["no statistics", "statistics", "a bias", "a list of another network", "a list without statistics"])
def test_what_does_not_fit_is_named(state, module, said):
    with refused("weights-do-not-fit", *said):
        load_into(module, state, "w.pth")


def test_a_list_of_parameters_alone_is_loaded_in_their_order():
    source, target = odd.FlatMLP(), odd.FlatMLP()
    load_into(target, {str(k): value for k, value in enumerate(source.parameters())}, "w.pth")
    assert all(torch.equal(source.state_dict()[name], value) for name, value in target.state_dict().items())


@pytest.mark.parametrize(("prefix", "own"), [
    ("_forward_module.", ""), ("net._checkpoint_wrapped_module.module.", ""), ("", "model."), ("a.b.", "model.net."),
])
def test_prefixes_anywhere_on_either_side_do_not_matter(prefix, own):
    source, target = odd.FlatMLP(), odd.FlatMLP()
    for part in reversed(own.split(".")[:-1]):
        target = nn.ModuleDict({part: target})
    load_into(target, {prefix + name: value for name, value in source.state_dict().items()}, "w.pth")
    assert all(torch.equal(target.state_dict()[own + name], value) for name, value in source.state_dict().items())


def test_of_several_parts_that_fit_the_averages_are_taken_and_others_are_not_guessed():
    states = {name: odd.FlatMLP().state_dict() for name in ("netG", "netG_ema", "x", "y")}
    both = {f"{part}.{name}": value for part in ("netG", "netG_ema") for name, value in states[part].items()}
    target = odd.FlatMLP()
    load_into(target, both, "w.pth")
    assert torch.equal(target.fc1.weight, states["netG_ema"]["fc1.weight"])
    with refused("several-weights", "x, y"):
        load_into(target, {f"{part}.{name}": value for part in "xy" for name, value in states[part].items()}, "w.pth")


def test_a_list_whose_shapes_leave_two_ways_is_not_named(here):
    """Two layers of one shape, one of them frozen and so not among the averages."""
    state = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).state_dict()
    torch.save({"model": state, "ema": {"shadow_params": [torch.zeros(3, 3), torch.zeros(3)]}}, "w.pth")
    assert load_state(Path("w.pth")).keys() == state.keys()
    assert torch.equal(load_state(Path("w.pth"))["0.weight"], state["0.weight"])


def test_a_prefix_that_would_make_two_names_one_stays():
    state = {"a.weight": torch.zeros(1), "_orig_mod.a.weight": torch.ones(1)}
    assert without_prefixes(state).keys() == state.keys()


# Kinds, and tables that are not classes

@pytest.mark.parametrize(("module", "kind"), [
    (odd.UNet(), "unet"), (odd.UNet(table=True), "unet"), (odd.UNet(prefix="t_proj"), "unet"), (odd.VAE(), "vae"),
    (odd.ConvVAE(), "vae"), (odd.PixelGPT(), "pixels"), (odd.StyleGAN(), "style"),
    (odd.CycleGenerator(), "translation"), (odd.Discriminator(), "discriminator"),
    (odd.Discriminator(1), "discriminator"), (odd.MLP(), "generator"),
    (odd.TutorialDCGAN(), "generator"), (odd.ConditionalBN(), "generator"),
    (nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 1)), "discriminator"),
    (nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)), "classifier"),
    (nn.Sequential(nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(256, 10)), "classifier"),
])
def test_a_kind_is_recognised_by_shapes_and_names(module, kind):
    assert kind_of(look(module.state_dict())) == kind


@pytest.mark.parametrize(("rows", "classes"), [(11, 10), (10, 10), (101, 100), (1_001, 1_000), (2, 2)])
def test_a_null_class_is_not_counted(here, rows, classes):
    torch.save(odd.UNet(classes=rows).state_dict(), "w.pth")
    (guess,) = [guess for guess in inspect_model("w.pth").guesses if guess.field == "n_classes"]
    assert guess.value == classes
    assert str(rows if classes < rows else rows - 1) in guess.instead


@pytest.mark.parametrize("name", ["time_embed", "t_emb", "step_embedding", "pos_emb", "emb"])
def test_tables_of_steps_and_places_are_no_classes(here, name):
    module = odd.UNet()
    module.add_module(name, nn.Embedding(1_000, 12))
    torch.save(module.state_dict(), "w.pth")
    assert "n_classes" not in {guess.field for guess in inspect_model("w.pth").guesses}


@pytest.mark.parametrize(("names", "classes"), [(("gain", "bias"), None), (("bn1.gain", "bn2.gain"), 10),
                                                (("contextembed1.0", "contextembed2.0"), 10)])
def test_layers_that_take_one_hot_classes_say_how_many(here, names, classes):
    state = {"linear0.weight": torch.zeros(128, 20), "linear0.bias": torch.zeros(128),
             **{f"{name}.{part}": torch.zeros(8, 10)[:, 0 if part == "bias" else slice(None)] for name in names
                for part in (("weight", "bias") if "embed" in name else ("weight",))},
             "conv.weight": torch.zeros(3, 8, 3, 3)}
    torch.save(state, "w.pth")
    values = {guess.field: guess.value for guess in inspect_model("w.pth").guesses}
    assert values.get("n_classes") == classes
    assert values["latent_shape"] == (20,)


def test_a_unet_over_latents_is_one_and_its_time_network_gives_no_z(here):
    torch.save(odd.UNet(channels=4, prefix="time_embed").state_dict(), "w.pth")
    found = inspect_model("w.pth")
    values = {guess.field: guess.value for guess in found.guesses}
    assert values["latent_shape"] == (4, 32, 32)
    assert "channels" not in values
    assert any("latents of 4 channels" in note for note in found.notes)


def test_a_thousand_rows_of_a_gan_are_imagenets_classes(here):
    torch.save(nn.ModuleDict({"emb": nn.Embedding(1_000, 8), "net": nn.Linear(28, 784)}).state_dict(), "w.pth")
    values = {guess.field: guess.value for guess in inspect_model("w.pth").guesses}
    assert (values["n_classes"], values["latent_shape"]) == (1_000, (20,))


def test_settings_beside_the_weights_say_what_shapes_leave_open(here):
    """InfoGAN: 62 numbers of noise, 10 classes and 2 codes make 74."""
    module = nn.Sequential(nn.Linear(74, 16), nn.Linear(16, 784))
    torch.save({"config": {"latent_dim": 62, "n_classes": 10, "img_size": 28}, "model": module.state_dict()}, "w.pth")
    found = {guess.field: guess for guess in inspect_model("w.pth").guesses}
    assert found["latent_shape"].value == (62,)
    assert found["latent_shape"].instead == "[74] by the shapes"


@pytest.mark.parametrize("module", [odd.CycleGenerator(), odd.Discriminator(), odd.UNet()])
def test_what_is_no_plain_generator_is_said_to_be_so(here, module):
    torch.save(module.state_dict(), "w.pth")
    assert any("it looks like" in note for note in inspect_model("w.pth").notes)


# Factories beside the model file

def test_modules_of_one_name_beside_two_model_files_are_two(here, workspace, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, factor in (("one", 1), ("two", 2)):
        folder = here / name
        folder.mkdir()
        (folder / "helper.py").write_text(f"FACTOR = {factor}\n")
        (folder / "minenet.py").write_text(
            "import helper\ndef make():\n"
            "    return lambda z: (z.view(-1, 1, 2, 2) * helper.FACTOR).tanh()\n")
        (folder / "m.toml").write_text('factory = "minenet:make"\nlatent_shape = [4]\n')
    models = [load(resolve(f"{name}/m.toml")) for name in ("one", "two", "one")]
    z = models[0].draws(range(3), 0)
    for model, factor in zip(models, (1, 2, 1), strict=True):
        torch.testing.assert_close(model.sample(z), (z.view(-1, 1, 2, 2) * factor).tanh())


def test_the_folder_of_a_factory_is_no_part_of_the_models_identity(here, monkeypatch):
    from ganbench.gan.models.identity import identity

    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("one", "two"):
        (here / name).mkdir()
        (here / name / "minenet.py").write_text("def make():\n    return lambda z: z.view(-1, 1, 2, 2).tanh()\n")
        (here / name / "m.toml").write_text('name = "m"\nfactory = "minenet:make"\nlatent_shape = [4]\n')
    first, second = (resolve(f"{name}/m.toml") for name in ("one", "two"))
    assert first.factory != second.factory
    assert identity(first) == identity(second)
    monkeypatch.chdir(here / "one")
    assert resolve("m.toml").factory == "minenet:make"
    assert identity(resolve("m.toml")) == identity(first)


WORDS = ["emb", "wte", "pos_emb", "time", "encoder", "decoder", "mu", "logvar", "style", "mapping", "noise", "to_rgb",
         "label", "conv", "weight", "bias", "0", "1", "model", "module", "ema", "model_ema", "conv_out"]


@pytest.mark.parametrize("seed", range(40))
def test_names_and_shapes_of_any_kind_give_a_file_that_can_be_read(here, seed):
    """Networks with lost, flattened and renamed tensors, and tensors that are none of a network's."""
    from ganbench.gan.models.toml_file import read_spec

    random = np.random.default_rng(seed)
    makers = (odd.MLP, odd.LinearDCGAN, odd.TwoHeads, odd.ConvVAE, odd.UNet, odd.PixelGPT, odd.StyleGAN,
              odd.TutorialDCGAN)
    state = makers[seed % 8]().state_dict()
    for name in list(state):
        chance = random.random()
        if chance < 0.15:
            del state[name]
        elif chance < 0.2:
            state[name] = state[name].reshape(-1)
        elif chance < 0.25:
            state[".".join(random.choice(WORDS, 2))] = state.pop(name)
    for _ in range(4):
        shape = random.choice([0, 1, 2, 3, 7, 10, 16], random.integers(0, 6)).tolist()
        state[".".join(random.choice(WORDS, random.integers(1, 5)))] = torch.zeros(shape)
    torch.save([state, {"model": state}, {"state_dict": {f"generator.{name}": value for name, value in state.items()},
                                          "hyper_parameters": {"latent_dim": 5, "img_size": None}}][seed % 3], "w.pth")
    found = inspect_model("w.pth")
    assert found.sets
    if found.spec is not None:
        save_toml(found, here / "m.toml")
        assert read_spec(here / "m.toml").latent in ("normal", "none")
