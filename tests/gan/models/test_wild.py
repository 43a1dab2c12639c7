"""Models as other people's programs leave them: made here with code that knows nothing of ganbench, and loaded."""

import io
import json
import os
import pickle
import shutil
import sys
import textwrap
import types
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ganbench.gan.drawing import draw
from ganbench.gan.images import from_model
from ganbench.gan.inspection import inspect_model
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.names import zoo_models
from ganbench.gan.types import BadOutput, ModelSpec, Workspace
from tests.refusals import refused

# The user's own code, as tutorials write it: MLPs and convolutions with every habit of shape and range.
CODE = """
import numpy as np
import torch
from torch import nn

class Flat(nn.Module):                       # (N, 784) in [-1, 1], uniform latents
    def __init__(self, z=20):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(z, 32), nn.LeakyReLU(0.2, inplace=True), nn.Linear(32, 64),
                                   nn.BatchNorm1d(64, 0.8), nn.Dropout(0.3), nn.Linear(64, 784), nn.Tanh())

    def forward(self, z):
        return self.model(z)

class Square(Flat):                          # (N, 28, 28) in [0, 1]
    def forward(self, z):
        return (self.model(z).view(-1, 28, 28) + 1) / 2

class Pictures(Flat):                        # (N, 1, 28, 28) in [-.5, .5]
    def forward(self, z):
        return self.model(z).view(-1, 1, 28, 28) / 2

class Channels(nn.Module):                   # NCHW, by transposed convolutions
    def __init__(self, nz=16, ngf=4, nc=3):
        super().__init__()
        self.main = nn.Sequential(nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2),
                                  nn.ReLU(True), nn.ConvTranspose2d(ngf * 2, nc, 4, 2, 1, bias=False))

    def forward(self, z):
        return torch.tanh(self.main(z))
"""
FLAT = {"latent_shape": [20], "latent": "uniform"}


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    """`wildcode.py` in the current folder."""
    (tmp_path / "wildcode.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    torch.manual_seed(0)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in FOREIGN]:
        del sys.modules[name]


FOREIGN = {"wildcode", "torch_utils", "dnnlib", "pytorch_lightning", "seen", "packaged"}


def trained(name: str, **options) -> nn.Module:
    """A module of the user's whose running means have moved."""
    import wildcode

    module = getattr(wildcode, name)(**options)
    shape = (64, 16, 1, 1) if name == "Channels" else (64, 20)
    module(torch.randn(shape))
    return module.eval()


def described(folder: Path, factory: str, weights: str, **facts) -> str:
    """A TOML file as the README has it."""
    lines = [f'factory = "wildcode:{factory}"', f'weights = "{weights}"']
    lines += [f"{name} = {json.dumps(value)}" for name, value in facts.items()]
    (folder / "m.toml").write_text("\n".join(lines))
    return str(folder / "m.toml")


# Shapes and ranges

@pytest.mark.parametrize(("factory", "facts", "scale"), [
    ("Flat", {"layout": "NC"}, lambda x: x * 127.5 + 128),
    ("Square", {"layout": "NHW", "output_range": [0, 1]}, lambda x: (x * 2 - 1) * 127.5 + 128),
    ("Pictures", {"output_range": [-0.5, 0.5]}, lambda x: x * 2 * 127.5 + 128),
])
def test_every_habit_of_shape_and_range_is_declared_and_becomes_the_same_bytes(mine, factory, facts, scale):
    module = trained(factory)
    torch.save(module.state_dict(), "w.pth")
    spec = resolve(described(mine, factory, "w.pth", **FLAT, **facts))
    model = load(spec)
    z = model.draws(range(50), 1)
    assert z.shape == (50, 20)
    assert z.abs().max() <= 1
    assert z.std() == pytest.approx(3**-0.5, abs=0.03)                  # of U(-1, 1)
    expected = scale(module(z)).clip(0, 255).to(torch.uint8).view(50, 1, 28, 28)
    assert (from_model(model.sample(z), spec).int() - expected.int()).abs().max() <= 1


def test_latents_with_places_reach_convolutions(mine):
    module = trained("Channels")
    torch.save(module.state_dict(), "w.pth")
    model = load(resolve(described(mine, "Channels", "w.pth", latent_shape=[16, 1, 1])))
    z = model.draws(range(4), 0)
    assert torch.allclose(model.sample(z), module(z), atol=1e-6)


# Files of weights

def lightning(state) -> dict:
    """What Lightning's Trainer.save_checkpoint writes, key by key."""
    return {
        "epoch": 4, "global_step": 1170, "pytorch-lightning_version": "2.5.0", "lr_schedulers": [], "loops": {},
        "state_dict": {**{f"generator.{name}": value for name, value in state.items()},
                       "discriminator.model.0.weight": torch.ones(3, 3)},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(3)}},
                              "param_groups": [{"lr": 2e-4, "params": [0]}]}],
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_path": "x.ckpt"}},
        "hparams_name": "kwargs", "hyper_parameters": {"latent_dim": 20, "lr": 2e-4},
    }


WRITERS = {
    "plain": (lambda module: module.state_dict(), ""),
    "data parallel": (lambda module: nn.DataParallel(module).state_dict(), ""),
    "compiled": (lambda module: {f"_orig_mod.{name}": value for name, value in module.state_dict().items()}, ""),
    "beside a discriminator": (lambda module: {
        "epoch": 3, "generator": module.state_dict(), "discriminator": nn.Linear(3, 3).state_dict(),
        "opt_G": torch.optim.Adam(module.parameters()).state_dict()}, ""),
    "averaged": (lambda module: {"netG": nn.Linear(3, 3).state_dict(), "netG_ema": module.state_dict()}, ""),
    "lightning": (lambda module: lightning(module.state_dict()), "state_dict.generator"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_state_dicts_load_from_wherever_training_left_them(mine, kind):
    module = trained("Flat")
    write, key = WRITERS[kind]
    torch.save(write(module), "w.ckpt")
    model = load(resolve(described(mine, "Flat", "w.ckpt", layout="NC", weights_key=key, **FLAT)))
    z = model.draws(range(3), 0)
    assert torch.equal(model.sample(z), module(z))      # Dropout and running means as in eval mode


def on_gpu(path: Path) -> None:
    """Write a file of torch.save again as if its tensors had lain on cuda:0."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            tagged = data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            archive.writestr(name, tagged if name.endswith("data.pkl") else data)


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU, torch finds the place that the file names")
def test_weights_that_were_saved_on_a_gpu_come_to_the_cpu(mine):
    module = trained("Flat")
    torch.save(module.state_dict(), "w.pth")
    on_gpu(mine / "w.pth")
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load("w.pth", weights_only=True)
    model = load(resolve(described(mine, "Flat", "w.pth", layout="NC", **FLAT)))
    z = model.draws(range(3), 0)
    assert torch.equal(model.sample(z), module(z))


def test_a_missing_batch_counter_is_tolerated_and_a_missing_layer_is_not(mine):
    state = trained("Flat").state_dict()
    del state["model.3.num_batches_tracked"]
    torch.save(state, "w.pth")
    model = described(mine, "Flat", "w.pth", layout="NC", **FLAT)
    assert load(resolve(model)).draws([0], 0).shape == (1, 20)
    for name in ("weight", "bias", "running_mean", "running_var"):
        del state[f"model.3.{name}"]
    torch.save(state, "w.pth")
    with refused("weights-do-not-fit", "wildcode:Flat", "missing model.3.weight (and 3 more)"):
        load(resolve(model))


# Lightning 0.9, whose files name classes of Lightning

@pytest.fixture
def old_lightning(mine):
    """A checkpoint with an AttributeDict and callbacks keyed by their class, written while these could be imported."""
    for name in ("pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.callbacks"):
        sys.modules[name] = types.ModuleType(name)
    attribute_dict = type("AttributeDict", (dict,), {"__module__": "pytorch_lightning.utilities"})
    callback = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning.callbacks"})
    sys.modules["pytorch_lightning.utilities"].AttributeDict = attribute_dict
    sys.modules["pytorch_lightning.callbacks"].ModelCheckpoint = callback
    module = trained("Flat")
    content = {"state_dict": module.state_dict(), "hyper_parameters": attribute_dict(lr=1e-3),
               "callbacks": {callback: {"best": 1}}, "last": callback()}
    for name, zipped in (("new.ckpt", True), ("old.ckpt", False)):
        torch.save(content, name, _use_new_zipfile_serialization=zipped)
    for name in [name for name in sys.modules if name.startswith("pytorch_lightning")]:
        del sys.modules[name]
    return module


@pytest.mark.parametrize("name", ["new.ckpt", "old.ckpt"])
@pytest.mark.parametrize("trust", [False, True])
def test_old_lightning_files_load_without_lightning_and_without_trust(mine, old_lightning, name, trust):
    """Settings and callbacks of Lightning become stand-ins: nothing is imported and nothing is run."""
    model = described(mine, "Flat", name, layout="NC", **FLAT)
    generator = load(resolve(model, trust_pickle=trust), trust_pickle=trust)
    z = generator.draws(range(3), 0)
    assert torch.equal(generator.sample(z), old_lightning(z))
    assert not [module for module in sys.modules if module.startswith("pytorch_lightning")]


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_code_beside_weights_does_not_run_even_when_trusted(mine):
    module = trained("Flat")
    torch.save({"state_dict": module.state_dict(), "callbacks": Bomb(mine / "ran")}, "w.ckpt")
    model = described(mine, "Flat", "w.ckpt", layout="NC", **FLAT)
    with refused("untrusted-code"):
        resolve(model)
    generator = load(resolve(model, trust_pickle=True), trust_pickle=True)
    assert torch.equal(generator.sample(z := generator.draws(range(2), 0)), module(z))
    assert not (mine / "ran").exists()


# Whole programs, only when trusted

def test_torchscript_runs_only_when_trusted(mine):
    module = trained("Flat")
    with pytest.warns(FutureWarning):
        torch.jit.trace(module, torch.randn(2, 20)).save("g.pt")
    (mine / "m.toml").write_text('family = "pickled"\nweights = "g.pt"\nlayout = "NC"\nlatent_shape = [20]\n')
    for model in ("g.pt", "m.toml"):
        with refused("untrusted-code", "TorchScript", "--trust-pickle"):
            resolve(str(mine / model))
    with pytest.warns(FutureWarning, match="jit.load"):
        generator = load(resolve(str(mine / "m.toml"), trust_pickle=True), trust_pickle=True)
    z = generator.draws(range(3), 0)
    assert torch.allclose(generator.sample(z), module(z), atol=1e-6)


def test_torchscript_is_known_whatever_the_case_of_its_names(mine):
    """torch takes code/ and constants.pkl in any case, and would load them where it was asked for weights."""
    with pytest.warns(FutureWarning):
        torch.jit.trace(trained("Flat"), torch.randn(2, 20)).save("g.pt")
    with zipfile.ZipFile("g.pt") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile("g.pt", "w") as archive:
        for name, data in content.items():
            archive.writestr(name.replace("constants.pkl", "CONSTANTS.PKL").replace("/code/", "/CODE/"), data)
    assert inspect_model("g.pt").kind == "pickled objects"
    with refused("untrusted-code", "TorchScript", "--trust-pickle"):
        resolve("g.pt", factory="wildcode:Flat")


PERSISTENCE = """
import types
import dnnlib

def _reconstruct_persistent_obj(meta):
    meta = dnnlib.EasyDict(meta)
    module = types.ModuleType("_imported_by_pickle")
    exec(meta.module_src, module.__dict__)
    made = module.__dict__[meta.class_name].__new__(module.__dict__[meta.class_name])
    made.__dict__.update(meta.state)
    return made
"""
NETWORK = """
import torch
from torch_utils import misc

class Generator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.z_dim, self.c_dim, self.img_resolution, self.img_channels = 8, 3, 4, 3
        self.layer = torch.nn.Linear(8 + 3, 48)

    def forward(self, z, c, truncation_psi=1, noise_mode="random"):
        misc.assert_shape(z, [None, 8])
        noise = torch.randn(len(z), 3, 4, 4) if noise_mode == "random" else 0
        return torch.tanh(self.layer(torch.cat([z * truncation_psi, c], 1)).view(-1, 3, 4, 4) + noise)
"""


class Persistent:
    """Pickles an object together with its source, in the manner of NVIDIA's files."""

    def __init__(self, made: nn.Module):
        self.made = made

    def __reduce__(self):
        import torch_utils.persistence

        meta = {"module_src": NETWORK, "class_name": "Generator", "state": self.made.__dict__}
        return torch_utils.persistence._reconstruct_persistent_obj, (meta,)


@pytest.fixture
def checkout(mine, tmp_path_factory):
    """A user's checkout with `dnnlib` and `torch_utils`, and a file that needs it."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "torch_utils").mkdir()
    (folder / "dnnlib").mkdir()
    (folder / "torch_utils" / "__init__.py").write_text("")
    (folder / "torch_utils" / "persistence.py").write_text(PERSISTENCE)
    (folder / "torch_utils" / "misc.py").write_text(
        "def assert_shape(tensor, shape):\n    assert tensor.shape[1] == shape[1]\n"
    )
    (folder / "dnnlib" / "__init__.py").write_text(
        "class EasyDict(dict):\n    def __getattr__(self, name):\n        return self[name]\n"
    )
    sys.path.insert(0, str(folder))
    space: dict = {}
    exec(NETWORK, space)
    networks = {name: space["Generator"]() for name in ("G", "G_ema")}
    with open("network.pkl", "wb") as file:
        pickle.dump({"G": Persistent(networks["G"]), "D": None, "G_ema": Persistent(networks["G_ema"])}, file)
    yield folder, networks["G_ema"].eval()
    for name in [name for name in sys.modules if name.partition(".")[0] in FOREIGN]:
        del sys.modules[name]


def test_nvidias_kind_of_pickle_loads_when_trusted_and_its_checkout_is_there(mine, checkout, monkeypatch):
    _, network = checkout
    with refused("untrusted-code", "network.pkl"):
        resolve("network.pkl")
    spec = resolve("network.pkl", trust_pickle=True)
    assert spec.family == "pickled"
    model = load(spec, trust_pickle=True)
    z, labels = model.draws(range(5), 0), torch.tensor([0, 1, 2, 0, 1])
    assert (model.n_classes, z.shape) == (3, (5, 8))
    expected = network(z, nn.functional.one_hot(labels, 3).float(), noise_mode="const")
    assert torch.equal(model.sample(z, labels), expected)
    assert torch.equal(model.sample(z, labels), model.sample(z, labels))        # no noise of its own


def test_without_its_checkout_the_missing_module_is_named(mine, checkout):
    folder, _ = checkout
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("torch_utils", "dnnlib")]:
        del sys.modules[name]
    with refused("missing-module", "torch_utils"):
        load(resolve("network.pkl", trust_pickle=True), trust_pickle=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU, torch finds the place that the file names")
def test_a_raw_pickle_of_a_gpu_comes_to_the_cpu(mine):
    class Storage:
        def __reduce__(self):
            buffer = io.BytesIO()
            torch.save(torch.arange(3.0)._typed_storage(), buffer, _use_new_zipfile_serialization=False)
            tagged = buffer.getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            return torch.storage._load_from_bytes, (tagged,)

    class Model:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), 0, (3,), (1,), False, {})

    (mine / "w.pkl").write_bytes(pickle.dumps({"netG": {"weight": Model()}}))
    with pytest.raises(RuntimeError, match="CUDA"):
        pickle.loads((mine / "w.pkl").read_bytes())
    found = inspect_model("w.pkl", trust_pickle=True)
    assert [tensor.shape for tensor in found.sets[0].tensors] == [(3,)]


# PyTorchModelHubMixin, and the Hub

@pytest.fixture
def on_the_hub(mine):
    """A folder that huggingface_hub's own mixin saved."""
    hub = pytest.importorskip("huggingface_hub")
    import wildcode

    class Published(wildcode.Flat, hub.PyTorchModelHubMixin):
        def __init__(self, z: int = 20):
            super().__init__(z)

    torch.manual_seed(0)
    module = Published(z=12).eval()
    module.save_pretrained(mine / "published")
    return module


def test_a_folder_of_the_hub_mixin_gives_its_arguments_and_weights(mine, on_the_hub):
    spec = resolve(str(mine / "published"), factory="wildcode:Flat")
    assert spec.arguments == {"z": 12}
    assert Path(spec.weights).name == "model.safetensors"
    model = load(replace(spec, latent_shape=(12,), layout="NC"))
    z = model.draws(range(3), 0)
    assert torch.equal(model.sample(z), on_the_hub(z))


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(mine, monkeypatch):
    """The cache of the Hub with one repository, as huggingface_hub lays it out; no network."""
    constants = pytest.importorskip("huggingface_hub.constants")
    root = mine / "hub"
    snapshot = root / "models--org--repo" / "snapshots" / COMMIT
    (root / "models--org--repo" / "refs").mkdir(parents=True)
    (root / "models--org--repo" / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


@pytest.mark.parametrize("name", ["hf:org/repo", "hf:org/repo@main", f"hf:org/repo@{COMMIT}"])
def test_a_model_of_the_hub_is_pinned_to_its_commit(mine, on_the_hub, cache, name):
    shutil.copytree(mine / "published", cache)
    spec = resolve(name, factory="wildcode:Flat")
    assert spec.weights == f"hf:org/repo@{COMMIT}:model.safetensors"
    assert spec.name == f"org/repo@{COMMIT[:12]}"
    assert spec.arguments == {"z": 12}
    assert load(replace(spec, latent_shape=(12,))).draws([0], 0).shape == (1, 12)
    assert identity(spec) == identity(resolve(str(mine / "published"), factory="wildcode:Flat"))


def test_one_file_of_a_repository_can_be_named(mine, cache):
    cache.mkdir(parents=True)
    torch.save(trained("Flat").state_dict(), cache / "G.pth")
    spec = resolve("hf:org/repo@main:G.pth", factory="wildcode:Flat")
    assert spec.weights == f"hf:org/repo@{COMMIT}:G.pth"
    with refused("missing-weights", "model.safetensors or pytorch_model.bin"):
        resolve("hf:org/repo@main", factory="wildcode:Flat")


@pytest.mark.parametrize(("name", "said"), [
    ("hf:org/other@v1", ("not-fetched", "hf:org/other@v1")),
    (f"hf:org/repo@{'f' * 40}", ("not-fetched", "hf:org/repo")),
    ("hf:org", ("malformed-name", "hf:ORG/REPO@REVISION")),
    ("hf:org/repo@main:../../secret", ("malformed-name", "hf:ORG/REPO@REVISION")),
])
def test_what_the_hub_does_not_give_is_one_sentence(cache, name, said):
    cache.mkdir(parents=True)
    with refused(*said) as caught:
        resolve(name)
    assert "\n" not in str(caught.value)


# Whose code runs where

def test_nobody_but_the_one_who_samples_imports_the_users_code(mine):
    (mine / "packaged").mkdir()
    note = "from pathlib import Path\nPath({!r}).write_text('')\n"
    (mine / "packaged" / "__init__.py").write_text(note.format(str(mine / "package-ran")))
    (mine / "packaged" / "seen.py").write_text(note.format(str(mine / "ran")) + textwrap.dedent(CODE))
    torch.save(trained("Flat").state_dict(), "w.pth")
    (mine / "m.toml").write_text(f'factory = "packaged.seen:Flat"\nweights = "{mine / "w.pth"}"\nlatent_shape = [20]\n')
    spec = resolve("m.toml")
    first = identity(spec)
    resolve("w.pth", factory="packaged.seen:Flat")
    inspect_model("m.toml")
    zoo_models(mine)
    assert not (mine / "ran").exists()
    assert not (mine / "package-ran").exists()
    with (mine / "packaged" / "seen.py").open("a") as file:
        file.write("# edited\n")
    assert identity(spec) != first                          # the file was found all the same
    load(spec)
    assert (mine / "ran").exists()


# Models that do not do what they declare

MISBEHAVING = {
    "unbounded": (lambda z: z.view(-1, 1, 4, 5) * 100, ("out-of-range", "[-1, 1]", "no common range")),
    "in 0..255": (lambda z: z.view(-1, 1, 4, 5).sigmoid() * 255, ("out-of-range", "output_range = [0, 255]")),
    "NaN": (lambda z: torch.where(z > 1.5, torch.nan, z).view(-1, 1, 4, 5).tanh(), ("images-not-finite",)),
    "rescaled": (lambda z: stretched(z.view(-1, 1, 4, 5), (1, 2, 3)), ("rescaled-images",)),
    "rescaled by channel": (lambda z: stretched(z.view(-1, 1, 4, 5).repeat(1, 3, 1, 1), (2, 3)), ("rescaled-images",)),
    "rescaled, on a flat ground": (lambda z: stretched(z.view(-1, 1, 4, 5).relu(), (1, 2, 3)), ("rescaled-images",)),
    "rescaled to bytes": (lambda z: ((stretched(z.view(-1, 1, 4, 5), (1, 2, 3)) + 1) * 127.5).round().byte(),
                          ("rescaled-images",)),
}


def stretched(x, axes):
    low, high = x.amin(axes, keepdim=True), x.amax(axes, keepdim=True)
    return (x - low) / (high - low) * 2 - 1


@pytest.mark.parametrize("kind", MISBEHAVING)
def test_output_that_would_mislead_is_named(mine, monkeypatch, kind):
    function, said = MISBEHAVING[kind]
    monkeypatch.setitem(sys.modules, "seen", types.SimpleNamespace(make=lambda: function))
    spec = misbehaving()
    with refused(*said, kind=BadOutput):
        draw(load(spec), spec, 0, 0, 40)


def misbehaving() -> ModelSpec:
    return ModelSpec("odd", factory="seen:make", latent_shape=(20,))


@pytest.mark.parametrize("function", [
    lambda z: (z.view(-1, 1, 4, 5) * 50).tanh(),            # saturates: many values at both ends
    lambda z: z.view(-1, 1, 4, 5).clamp(-1, 1),             # as diffusion pipelines end
    lambda z: z.view(-1, 1, 4, 5).tanh(),
])
def test_models_that_saturate_or_clip_are_not_called_rescaled(mine, monkeypatch, function):
    monkeypatch.setitem(sys.modules, "seen", types.SimpleNamespace(make=lambda: function))
    assert draw(load(misbehaving()), misbehaving(), 0, 0, 200)["images"].dtype == np.uint8


def test_models_of_other_programs_are_known_by_their_workspace(mine):
    """Trust is a setting of the machine, too."""
    (mine / "w.pkl").write_bytes(pickle.dumps({"netG": Bomb(mine / "ran")}))
    with refused("untrusted-code", "--trust-pickle"):
        resolve("w.pkl", Workspace())
    assert resolve("w.pkl", Workspace(trust_pickle=True)).family == "pickled"
    assert not (mine / "ran").exists()


# DCGANs as training code leaves them


def tutorial_dcgan(wrap=lambda layer: layer):
    """The generator of PyTorch's DCGAN tutorial, its layers wrapped, with running means that have moved."""
    sizes = [(100, 32), (32, 16), (16, 8), (8, 4), (4, 3)]
    layers = []
    for k, (before, after) in enumerate(sizes):
        layers.append(wrap(nn.ConvTranspose2d(before, after, 4, 2 if k else 1, 1 if k else 0, bias=False)))
        layers += [nn.BatchNorm2d(after), nn.ReLU(True)] if k < 4 else [nn.Tanh()]
    generator = nn.ModuleDict({"main": nn.Sequential(*layers)})
    for _ in range(3):
        generator["main"](torch.randn(16, 100, 1, 1))
    return generator.eval()


def saved(folder, file, content):
    torch.save(content, folder / file)
    return str(folder / file)


def as_dcgan(path, generator):
    """What the family draws, and what the module itself makes of the same latents."""
    model = load(resolve(path, family="dcgan"))
    z = model.draws(range(4), 0)
    with torch.no_grad():
        return model.sample(z), generator["main"](z[:, :, None, None])


@pytest.mark.parametrize("wrap", [
    nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm,
    pytest.param(nn.utils.weight_norm, marks=pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated")),
])
def test_weights_in_parts_of_spectral_and_weight_normalisation_are_put_together(mine, wrap):
    generator = tutorial_dcgan(wrap)
    path = saved(mine, "w.pth", generator.state_dict())
    drawn, expected = as_dcgan(path, generator)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-5)
    assert inspect_model(path).spec.family == "dcgan"


def test_safetensors_have_an_order_of_their_own(mine):
    """Theirs is alphabetical, main.12 before main.3; layers are not."""
    from safetensors.torch import save_file

    generator = tutorial_dcgan()
    save_file({name: value.contiguous() for name, value in generator.state_dict().items()}, mine / "w.safetensors")
    drawn, expected = as_dcgan(str(mine / "w.safetensors"), generator)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-5)
    assert inspect_model(str(mine / "w.safetensors")).spec.family == "dcgan"


@pytest.mark.parametrize(("parts", "chosen"), [
    (["generator", "discriminator"], "generator"), (["online_model", "ema_model"], "ema_model"),
    (["backbone"], "backbone"),
])
def test_the_generators_part_of_a_state_dict_needs_no_key(mine, parts, chosen):
    """Lightning's, ema-pytorch's, and a wrapper's."""
    generator, other = tutorial_dcgan(), nn.Sequential(nn.Conv2d(3, 4, 4), nn.Conv2d(4, 1, 4))
    modules = {part: other if part == "discriminator" else tutorial_dcgan() for part in parts} | {chosen: generator}
    state = {f"{part}.{name}": value for part, module in modules.items() for name, value in module.state_dict().items()}
    path = saved(mine, "w.ckpt", {"state_dict": state, "epoch": 1})
    drawn, expected = as_dcgan(path, generator)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-5)
    spec = resolve(path, family="dcgan")
    assert spec.weights_key == f"state_dict.{chosen}"
    assert identity(resolve(path, family="dcgan", weights_key=spec.weights_key)) == identity(spec)
    assert inspect_model(path).spec.weights_key == spec.weights_key
