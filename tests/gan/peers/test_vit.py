"""DINOv2 and CLIP beside transformers' and timm's: small random networks that they save, loaded and run here.

The published weights are downloads of a gigabyte and more; what their architecture is, timm and transformers say, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
)

from ganbench.gan.features import vit
from tests.refusals import refused

pytestmark = pytest.mark.long

CLOSE = 1e-5        # of the vector's length: float32 in another order
TINY = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "patch_size": 14}
LITTLE = {"width": 32, "depth": 3, "heads": 4}


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """|a - b| / |b| of the worst image: (n, d) each."""
    return float((np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max())


def little(it: vit.Transformer, **facts: int) -> vit.Transformer:
    """A row with a small network on images of its own size."""
    architecture = replace(it.architecture, **LITTLE, **facts)
    d = architecture.projected or architecture.width
    network = replace(it.network, module=partial(vit.VisionTransformer, architecture), d=d)
    return replace(it, architecture=architecture, network=network)


def alive(module: nn.Module) -> nn.Module:
    """Fresh networks of transformers give all images nearly the same features: make every weight count."""
    random = torch.Generator().manual_seed(0)
    for name, value in module.named_parameters():
        scale = 0.5 if "embed" in name or value.ndim < 2 else (1 / value[0].numel()) ** 0.5
        value.data = torch.randn(value.shape, generator=random) * scale + (value.ndim == 1 and "norm" in name)
    return module.eval()


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Callable[[str, nn.Module], Path]:
    """A module in a folder, as its library saves it."""

    def save(name: str, module: nn.Module) -> Path:
        folder = tmp_path_factory.mktemp(name)
        module.save_pretrained(folder)
        return folder

    return save


@pytest.fixture(autouse=True)
def quiet(monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """(3, 3, 40, 56) uint8."""
    return np.random.default_rng(0).integers(0, 256, (3, 3, 40, 56), np.uint8)


@pytest.fixture(scope="module")
def dinov2(saved) -> tuple[Path, nn.Module]:
    """A small DINOv2 for images of 518 pixels, as all of Meta's are."""
    module = alive(Dinov2Model(Dinov2Config(**TINY, image_size=518)))
    return saved("dinov2", module), module


def features(it: vit.Transformer, weights: Path, images: np.ndarray, cache: Path) -> np.ndarray:
    return vit.make(it, weights, cache, "cpu", "auto")(images)["features"]


def by_hand(image: np.ndarray, side: int, mean: tuple[float, ...], deviation: tuple[float, ...]) -> torch.Tensor:
    """dgm-eval's and FLD's lines for an image (3, h, w): torchvision's transforms of a Pillow image."""
    transform = Compose([Resize((side, side), InterpolationMode.BICUBIC), ToTensor(), Normalize(mean, deviation)])
    return transform(Image.fromarray(image.transpose(1, 2, 0)))


@pytest.mark.parametrize("it", [vit.DINOV2, vit.DINOV2_BASE], ids=lambda it: it.network.name)
def test_dinov2_gives_transformers_features_at_metas_positions(it, dinov2, images, tmp_path):
    """transformers resamples positions in its own way, so it is given Meta's."""
    folder, module = dinov2
    twin = Dinov2Model(Dinov2Config(**TINY, image_size=224))
    state = module.state_dict()
    state["embeddings.position_embeddings"] = vit.resampled(state["embeddings.position_embeddings"], 16)
    twin.load_state_dict(state)
    with torch.inference_mode():
        given = torch.stack([by_hand(image, 224, *vit.IMAGENET) for image in images])
        theirs = twin.eval()(given).last_hidden_state[:, 0].numpy()
        others = module(given).last_hidden_state[:, 0].numpy()
    ours = features(little(it), folder, images, tmp_path)
    assert apart(ours, theirs) < CLOSE
    assert apart(others, theirs) > 100 * CLOSE      # so that the positions matter here


def test_edm2s_dinov2_gives_transformers_features_behind_edm2s_resize(dinov2, images, tmp_path):
    folder, module = dinov2
    twin = Dinov2Model(Dinov2Config(**TINY, image_size=224))
    state = module.state_dict()
    state["embeddings.position_embeddings"] = vit.resampled(state["embeddings.position_embeddings"], 16)
    twin.load_state_dict(state)
    with torch.inference_mode():
        given = torch.nn.functional.interpolate(
            torch.from_numpy(images).float(), size=(224, 224), mode="bicubic", antialias=True)
        theirs = twin.eval()(Normalize(*vit.IMAGENET)(given / 255)).last_hidden_state[:, 0].numpy()
    ours = features(little(vit.DINOV2_TORCH), folder, images, tmp_path)
    assert apart(ours, theirs) < CLOSE
    assert apart(features(little(vit.DINOV2), folder, images, tmp_path), theirs) > 100 * CLOSE


def test_a_file_of_timms_has_our_names_and_gives_its_features(images, tmp_path):
    """Its DINOv2, small, built for 224 pixels, where no positions are resampled."""
    module = alive(timm.create_model("vit_base_patch14_dinov2", pretrained=False, img_size=224, embed_dim=32, depth=3,
                                     num_heads=4))
    torch.save(module.state_dict(), tmp_path / "timm.pth")
    with torch.inference_mode():
        theirs = module(torch.stack([by_hand(image, 224, *vit.IMAGENET) for image in images])).numpy()
    assert apart(features(little(vit.DINOV2), tmp_path / "timm.pth", images, tmp_path), theirs) < CLOSE


@pytest.mark.parametrize("whole", [False, True], ids=["images alone", "with the text end"])
def test_clip_gives_transformers_embedding_behind_cmmds_resize(whole, saved, images, tmp_path):
    """The middle square by Pillow, CLIP's normalisation, the projected class token, of any length."""
    vision = {**TINY, "intermediate_size": 128, "image_size": 336, "projection_dim": 24}
    if whole:
        module = alive(CLIPModel(CLIPConfig(vision_config=vision, projection_dim=24, text_config={
            **TINY, "intermediate_size": 64, "vocab_size": 50_000, "projection_dim": 24})))
    else:
        module = alive(CLIPVisionModelWithProjection(CLIPVisionConfig(**vision)))
    with torch.inference_mode():
        given = torch.stack([by_hand(image[:, :, 8:48], 336, *vit.OPENAI) for image in images])
        theirs = module.get_image_features(given) if whole else module(given).image_embeds
        theirs = getattr(theirs, "pooler_output", theirs).numpy()
    ours = features(little(vit.CLIP, projected=24), saved("clip", module), images, tmp_path)
    assert ours.shape == (3, 24)
    assert apart(ours, theirs) < CLOSE


def test_a_folder_of_the_other_kind_is_refused(dinov2, tmp_path):
    with refused("weights-do-not-fit", "dinov2", "clip"):
        vit.make(little(vit.CLIP), dinov2[0], tmp_path, "cpu", "auto")


# The architectures of the published weights, without weights

def shapes(state: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


@pytest.mark.parametrize(("it", "name"), [
    (vit.DINOV2, "vit_large_patch14_dinov2"), (vit.DINOV2_BASE, "vit_base_patch14_dinov2"),
    (vit.CLIP, "vit_large_patch14_clip_336.openai")])
def test_the_architecture_is_timms(it, name):
    with torch.device("meta"):
        theirs = timm.create_model(name, pretrained=False, **({} if it is vit.CLIP else {"num_classes": 0}))
        ours = vit.VisionTransformer(replace(it.architecture, side=336 if it is vit.CLIP else 518))
    expected = shapes(theirs.state_dict())
    expected.pop("head.bias", None)                 # timm's CLIP has one, of zeros
    assert shapes(ours.state_dict()) == expected
    assert theirs.blocks[0].attn.num_heads == it.architecture.heads
    assert theirs.norm.eps == ours.norm.eps


def test_transformers_names_are_all_known():
    """Of DINOv2's and CLIP's in their published size, the text end included, under our names and nothing left over."""
    with torch.device("meta"):
        large = Dinov2Model(Dinov2Config(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
                                         image_size=224, patch_size=14))
        clip = CLIPModel(CLIPConfig(projection_dim=768, vision_config={
            "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
            "image_size": 336, "patch_size": 14, "projection_dim": 768}))
        for module, it in ((large, vit.DINOV2), (clip, vit.CLIP)):
            ours = vit.VisionTransformer(it.architecture).state_dict()
            assert shapes(vit.renamed(module.state_dict())) == shapes(ours)
