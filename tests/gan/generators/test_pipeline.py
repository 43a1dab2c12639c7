"""Folders of diffusers, built with its own classes: each image by its own generator, and no code of the folder."""

import json
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.gan.drawing import draw
from ganbench.gan.generators.pipeline import generator_in
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import load, resolve
from ganbench.gan.models.openers import OPENERS, complete
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.philox import words
from ganbench.gan.sampling import shard_key
from ganbench.gan.types import BadOutput, Workspace
from tests.refusals import refused

diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")

BLOCKS = {"layers_per_block": 1, "block_out_channels": (8, 16), "norm_num_groups": 4}


def unet(**options):
    return diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, **BLOCKS, down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2, **options,
    )


def autoencoder():
    return diffusers.AutoencoderKL(
        latent_channels=4, block_out_channels=(8,), norm_num_groups=4, sample_size=8,
        down_block_types=("DownEncoderBlock2D",), up_block_types=("UpDecoderBlock2D",),
    )


def ddpm(folder: Path) -> None:
    diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler(num_train_timesteps=20)).save_pretrained(folder)


def ddim(folder: Path) -> None:
    diffusers.DDIMPipeline(unet(), diffusers.DDIMScheduler(num_train_timesteps=20)).save_pretrained(folder)


def dit(folder: Path) -> None:
    transformer = diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=4, out_channels=8, num_layers=1, sample_size=4, norm_num_groups=4
    )
    torch.nn.init.normal_(transformer.proj_out_2.weight)
    scheduler = diffusers.DDIMScheduler(num_train_timesteps=20)
    diffusers.DiTPipeline(transformer, autoencoder(), scheduler).save_pretrained(folder)


def text_to_image(folder: Path) -> None:
    letters = [chr(code) for code in range(97, 123)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder.parent / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder.parent / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(
        str(folder.parent / "vocab.json"), str(folder.parent / "merges.txt"), model_max_length=16
    )
    encoder = transformers.CLIPTextModel(transformers.CLIPTextConfig(
        vocab_size=len(words), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, bos_token_id=52, eos_token_id=53, pad_token_id=53,
    ))
    network = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, **BLOCKS, cross_attention_dim=8, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    scheduler = diffusers.DDIMScheduler(num_train_timesteps=20, steps_offset=1, clip_sample=False)
    diffusers.StableDiffusionPipeline(
        autoencoder(), encoder, tokenizer, network, scheduler, None, None, requires_safety_checker=False
    ).save_pretrained(folder)
    (folder.parent / "prompts.txt").write_text("a red cat\n\nblue\n")


MADE = {"ddpm": ddpm, "ddim": ddim, "dit": dit, "text": text_to_image}
ARGUMENTS = {"dit": {"steps": 3, "guidance": 2.0}, "text": {"steps": 3, "prompts": "prompts.txt", "guidance": 3.0},
             "dit-noisy": {"steps": 3, "scheduler": "DDPMScheduler"}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Every kind of pipeline, saved once."""
    root = tmp_path_factory.mktemp("pipelines")
    torch.manual_seed(0)
    for name, make in MADE.items():
        (root / name).mkdir()
        make(root / name / name)
    return root


@pytest.fixture
def saved(folders, tmp_path):
    """One of them, as a copy that a test may change."""
    def copy(name: str) -> Path:
        shutil.copytree(folders / name, tmp_path / name)
        return tmp_path / name / name
    return copy


def opened(folders: Path, name: str):
    kind = name.partition("-")[0]
    arguments = dict(ARGUMENTS.get(name, {"steps": 3}))
    if "prompts" in arguments:
        arguments["prompts"] = str(folders / kind / arguments["prompts"])
    spec = resolve(str(folders / kind / kind), arguments=arguments)
    return spec, load(spec)


@pytest.mark.parametrize("name", [*MADE, "dit-noisy"])
def test_an_image_is_its_seeds_whatever_its_neighbours(folders, name):
    _, model = opened(folders, name)
    draws = model.draws([7, 3, 5], seed=1)
    labels = torch.tensor([0, 5, 999]) if model.n_classes else None
    together = model.sample(draws, labels)
    alone = [model.sample(draws[i : i + 1], None if labels is None else labels[i : i + 1]) for i in range(3)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)
    assert torch.equal(model.sample(draws, labels), together)
    assert (together[0] - together[1]).abs().max() > 0.01
    assert -1 <= together.min() < together.max() <= 1


def test_the_images_are_those_of_diffusers_with_the_same_generators(folders):
    spec, model = opened(folders, "ddpm")
    draws = model.draws(range(3), seed=0)
    pipeline = diffusers.DDPMPipeline.from_pretrained(spec.weights)
    pipeline.set_progress_bar_config(disable=True)
    generators = [generator_in(state) for state in draws[:, 1:]]
    expected = pipeline(batch_size=3, generator=generators, num_inference_steps=3, output_type="np").images
    assert np.allclose(model.sample(draws).permute(0, 2, 3, 1), expected * 2 - 1, atol=1e-6)


def test_a_generator_is_numpys_mersenne_twister_with_the_same_words():
    state = words([3], 0, 312)[0]
    theirs = np.random.MT19937(0)
    theirs.state = {**theirs.state, "state": {"key": state.view("<u4"), "pos": 624}}
    ours = generator_in(torch.from_numpy(state.view(np.int64)))
    expected = theirs.random_raw(1_000) % 2**24 / 2**24
    assert torch.rand(1_000, generator=ours).tolist() == expected.tolist()


def test_a_pipeline_is_sampled_like_any_model(folders):
    spec, model = opened(folders, "ddim")
    drawn = draw(model, spec, 0, 0, 5)["images"]
    assert (drawn.shape, drawn.dtype) == ((5, 1, 8, 8), np.uint8)
    assert np.array_equal(draw(model, spec, 0, 3, 5)["images"], drawn[3:])


def test_threads_do_not_disturb_each_other(folders):
    """A scheduler counts its steps; each call has one of its own."""
    _, model = opened(folders, "ddim")
    parts = [model.draws(range(i, i + 3), 0) for i in range(0, 24, 3)]
    expected = [model.sample(part) for part in parts]
    with ThreadPoolExecutor(4) as threads:
        assert all(torch.equal(*pair) for pair in zip(threads.map(model.sample, parts), expected, strict=True))


def test_the_version_of_diffusers_is_part_of_the_key(folders, monkeypatch):
    spec, _ = opened(folders, "ddim")
    before = shard_key(spec, 0, 0, Workspace())
    assert shard_key(spec, 0, 0, Workspace()) == before
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    assert shard_key(spec, 0, 0, Workspace()) != before


def test_nothing_is_printed(folders, capfd):
    _, model = opened(folders, "text")
    model.sample(model.draws([0], 0))
    assert capfd.readouterr() == ("", "")


def test_a_class_conditional_pipeline_knows_its_classes_and_listens(folders):
    spec, model = opened(folders, "dit")
    assert model.n_classes == 1000
    assert draw(model, spec, 0, 0, 2)["labels"].shape == (2,)
    draws = model.draws([0], 0)
    assert not torch.allclose(model.sample(draws, torch.tensor([1])), model.sample(draws, torch.tensor([2])))


def test_prompts_take_turns(folders):
    _, model = opened(folders, "text")
    assert model.asked(model.draws([0, 1, 2, 5], 0), None)["prompt"] == ["a red cat", "blue", "a red cat", "blue"]


def test_a_model_file_names_prompts_and_folder_from_where_it_lies(folders, saved, tmp_path):
    folder = saved("text")
    (tmp_path / "m.toml").write_text('family = "pipeline"\nweights = "text/text"\n[arguments]\nsteps = 2\n'
                                     'prompts = "text/prompts.txt"\n')
    spec = resolve(str(tmp_path / "m.toml"))
    assert spec.arguments["prompts"] == str(tmp_path / "text" / "prompts.txt")
    elsewhere = replace(spec, weights=str(folders / "text" / "text"), name="other",
                        arguments={"steps": 2, "prompts": str(folders / "text" / "prompts.txt")})
    assert identity(elsewhere) == identity(spec)
    (folder.parent / "prompts.txt").write_text("a red cat\ngreen\n")
    with refused("changed-content"):
        OPENERS["pipeline"].look(spec, Workspace())
    assert identity(complete(replace(spec, sha256=""), Workspace())) != identity(spec)


def test_a_pipeline_of_the_hub_is_pinned_to_its_commit(folders, tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    commit = "f" * 40
    repository = tmp_path / "hub" / "models--org--pipe"
    shutil.copytree(folders / "ddpm" / "ddpm", repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "v1").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    spec = resolve("hf:org/pipe@v1", arguments={"steps": 2})
    assert (spec.family, spec.weights, spec.name) == ("pipeline", f"hf:org/pipe@{commit}", f"org/pipe@{commit[:12]}")
    assert identity(spec) == identity(resolve(str(folders / "ddpm" / "ddpm"), arguments={"steps": 2}))
    (tmp_path / "m.toml").write_text(write_spec(spec))
    assert resolve(str(tmp_path / "m.toml")) == spec
    assert load(spec).sample(load(spec).draws([0], 0)).shape == (1, 1, 8, 8)


def test_another_scheduler_makes_other_images(folders):
    spec, model = opened(folders, "ddpm")
    other = load(replace(spec, arguments={"steps": 3, "scheduler": "DDIMScheduler"}))
    draws = model.draws(range(2), 0)
    assert not torch.allclose(model.sample(draws), other.sample(draws), atol=0.01)


@pytest.mark.parametrize(("name", "arguments", "said"), [
    ("ddpm", {"scheduler": "NoScheduler"}, ("unknown-choice", "NoScheduler", "DDPMScheduler", "DDIMScheduler")),
    ("ddpm", {"guidance": 2.0}, ("unfit-pipeline", "DDPMPipeline", "guidance")),
    ("ddpm", {"prompts": __file__}, ("unfit-pipeline", "DDPMPipeline", "takes no prompts")),
    ("ddpm", {"steps": 0}, ("unfit-value", "steps", 0)),
    ("ddpm", {"eta": 0.5}, ("unknown-argument", "eta", "guidance, prompts, scheduler, steps")),
    ("text", {}, ("unfit-pipeline", 'needs prompts = "FILE", one per line')),
    ("text", {"prompts": "nowhere.txt"}, ("unreadable-file", "nowhere.txt")),
])
def test_arguments_that_a_pipeline_does_not_take_are_sentences(folders, name, arguments, said):
    with refused(*said):
        load(resolve(str(folders / name / name), arguments=arguments))


def test_a_scheduler_whose_input_this_pipeline_does_not_scale_is_refused(folders):
    model = load(resolve(str(folders / "ddpm" / "ddpm"), arguments={"steps": 3, "scheduler": "EulerDiscreteScheduler"}))
    with refused("scheduler-does-not-fit", "EulerDiscreteScheduler"):
        model.sample(model.draws([0], 0))


def test_nan_is_named_with_the_step_that_made_it(folders):
    _, model = opened(folders, "ddpm")
    calls, network = [], model.pipeline.unet
    whole = network.forward

    def breaks_down(*args, **kwargs):
        calls.append(1)
        made = whole(*args, **kwargs)
        made.sample *= float("nan") if len(calls) > 1 else 1
        return made

    network.forward = breaks_down
    with refused("images-not-finite", "ddpm", 2, 6, kind=BadOutput):
        model.sample(model.draws(range(2), 0))


def test_noise_that_no_seed_decides_is_noticed(folders, monkeypatch):
    _, model = opened(folders, "ddim")
    step = diffusers.DDIMScheduler.step

    def noisy(self, model_output, timestep, sample, **_):
        return step(self, model_output + torch.randn(model_output.shape), timestep, sample)

    monkeypatch.setattr(diffusers.DDIMScheduler, "step", noisy)
    with refused("unseeded-randomness", "DDIMScheduler", kind=BadOutput):
        model.sample(model.draws([0], 0))


# Hostile folders

class Bomb:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_weights_that_are_pickles_are_refused_and_not_run(saved, tmp_path):
    folder = saved("ddpm")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with refused("untrusted-code", "unet", "diffusion_pytorch_model.bin"):
        resolve(str(folder))
    assert not (tmp_path / "ran").exists()


def change_index(folder: Path, **values) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("values", [
    {"_class_name": ["mine", "MyPipeline"]}, {"unet": ["mine", "Net"]}, {"unet": ["../mine", "Net"]},
    {"unet": ["os", "system"]}, {"unet": ["diffusers", 3]}, {"unet/../x": ["diffusers", "UNet2DModel"]},
])
def test_a_folder_that_brings_code_is_refused_and_not_run(saved, tmp_path, values):
    folder = saved("ddpm")
    code = f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\nclass Net: pass\nclass MyPipeline: pass\n"
    for place in (folder, folder / "unet"):
        (place / "mine.py").write_text(code)
    change_index(folder, **values)
    with refused("untrusted-code"):
        resolve(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"unet": ["diffusers", "UNet2DModel"]}'])
def test_an_index_that_diffusers_did_not_write_is_refused(saved, text):
    folder = saved("ddpm")
    (folder / "model_index.json").write_text(text)
    with refused("unusable-config"):
        resolve(str(folder))


def test_a_damaged_folder_is_one_sentence(saved):
    folder = saved("ddpm")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with refused("unfit-pipeline") as caught:
        load(resolve(str(folder)))
    assert "\n" not in str(caught.value)


def test_a_pipeline_that_needs_a_picture_is_no_generator(saved):
    folder = saved("text")
    change_index(folder, _class_name="StableDiffusionImg2ImgPipeline")
    with refused("unfit-pipeline"):
        load(resolve(str(folder)))
