"""Learning from few images: what is taken from other weights, what stays frozen, what anchors and adapters change."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, linear

from ganbench.gan.checkpoints import load_into
from ganbench.gan.generators import dcgan, r3gan, stylegan2, wgan_gp
from ganbench.gan.models.weights import make_family
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.own import DESIGNS
from ganbench.gan.recipes.recipe import CRITICS
from ganbench.gan.recipes.training_set import TrainingSet
from ganbench.gan.training import ema
from ganbench.gan.training.adapters import (
    PART,
    Adapter,
    add_adapters,
    merged,
    merged_state,
    plain,
    ranks,
)
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.consolidation import Anchor, fisher
from ganbench.gan.training.denoising import Denoising
from ganbench.gan.training.freezing import freeze_lower, layers_of
from ganbench.gan.training.loop import Batch, Schedule, fit, learned
from ganbench.gan.training.losses import non_saturating_loss
from ganbench.gan.training.matching import take
from ganbench.gan.training.tokens import Writing
from tests.refusals import refused

GANS = ("dcgan", "wgan-gp", "r3gan", "stylegan2")
MODULES = {"dcgan": dcgan, "wgan-gp": wgan_gp, "r3gan": r3gan, "stylegan2": stylegan2}
SMALL = {                                                   # of 16 pixels, the DCGAN's 16 and 4 tokens along a side
    "dcgan": {"z_dim": 8, "width": 8, "resolution": 16, "channels": 1},
    "wgan-gp": {"z_dim": 8, "widths": (16, 8), "n_classes": 3},
    "r3gan": {"z_dim": 8, "widths": (16, 8), "group": 4, "n_classes": 3},
    "stylegan2": {"z_dim": 8, "w_dim": 8, "depth": 2, "widths": (16, 8, 8), "n_classes": 3},
    "diffusion": {"resolution": 16, "widths": (8, 16), "n_classes": 3, "steps": 2},
    "dit": {"resolution": 16, "width": 32, "layers": 2, "n_classes": 3, "steps": 2},
    "gpt": {"resolution": 16, "grid": 4, "codes": 16, "tokenizer_width": 8, "width": 32, "layers": 1, "n_classes": 3},
    "maskgit": {"resolution": 16, "grid": 4, "codes": 16, "tokenizer_width": 8, "width": 32, "layers": 1,
                "n_classes": 3},
}
IMAGES = torch.randint(0, 256, (12, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
DATA = Batch(IMAGES, torch.arange(12) % 3)
SCHEDULE = Schedule(steps=4, batch=4, rate=1e-2, keep_every=2, seed=3)


def small(family, seed=0, **arguments):
    """A network whose weights are all random, those that a family begins with at 0 too."""
    return stirred(lambda: make_family(family, {**SMALL[family], **arguments}), seed)


def critic(family, seed=0, **arguments):
    sizes = {name: value for name, value in SMALL[family].items() if name not in ("z_dim", "w_dim", "depth")}
    return stirred(lambda: CRITICS[family](**{**sizes, **arguments}), seed)


def stirred(make, seed):
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = make()
        for weight in network.parameters():
            weight += 0.02 * torch.randn(weight.shape)
    return network


def adapter_state(network):
    """The adapters alone; `load_state_dict(..., strict=False)` of the adapted network takes them."""
    return {name: value for name, value in network.state_dict().items()
            if (match := PART.fullmatch(name)) and match["part"] != "original"}


def task_of(family, network, judge=None, anchor=None):
    if family in GANS:
        return Adversarial(network, judge or critic(family), SCHEDULE, anchor=anchor)
    if family in ("diffusion", "dit"):
        return Denoising(network, SCHEDULE, warm_up=1, anchor=anchor)
    return Writing(network, SCHEDULE, masked=family == "maskgit", warm_up=1, anchor=anchor)


def train(task, folder):
    data = task.read(DATA) if isinstance(task, Writing) else DATA
    return list(fit(task, data, SCHEDULE, folder))


def images_of(network, labels=(0, 1)):
    classes = torch.tensor(labels) if network.n_classes else None
    with torch.inference_mode():
        return network.eval().sample(network.draws(range(len(labels)), 0), classes)


def copied(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


# What is taken


@pytest.mark.parametrize("family", SMALL)
def test_a_network_of_the_same_shapes_takes_everything(family):
    source, network = small(family, seed=1), small(family, seed=2)
    taken = take(network, source.state_dict())
    assert same(network.state_dict(), source.state_dict())
    assert taken.share == 1
    assert taken.kept == {name: value.numel() for name, value in source.state_dict().items()}
    assert not taken.remade
    assert not taken.fresh
    assert not taken.unused


@pytest.mark.parametrize("family", [family for family in SMALL if family != "dcgan"])
def test_classes_of_another_number_begin_as_the_mean_of_the_sources(family):
    """All classes of the new network are alike, and their vectors are the mean of the three."""
    source, network = small(family, seed=1), small(family, seed=2, n_classes=5)
    taken = take(network, source.state_dict())
    assert taken.remade
    assert not taken.fresh
    assert taken.share == 1
    nulled = family in ("diffusion", "dit")
    for name in taken.remade:
        ours, theirs = network.state_dict()[name], source.state_dict()[name]
        assert len(ours) == 5 + nulled
        for row in ours[:5]:
            assert torch.allclose(row, theirs[:3].mean(0), atol=1e-6)
        assert not nulled or torch.equal(ours[5], theirs[3])
    draws = network.eval().draws([0], 0).expand(2, *network.draws([0], 0).shape[1:])
    with torch.inference_mode():
        first, last = network.sample(draws, torch.tensor([0, 4]))
    assert torch.allclose(first, last, atol=1e-5)


@pytest.mark.parametrize("chosen", [(2, 0), (1,), (2, 1, 0)])
@pytest.mark.parametrize("family", [family for family in SMALL if family != "dcgan"])
def test_chosen_classes_begin_as_they_were(family, chosen):
    """Each draws what the class of the source drew, also where there are as many in another order."""
    source, network = small(family, seed=1), small(family, seed=2, n_classes=len(chosen))
    taken = take(network, source.state_dict(), chosen)
    assert taken.share == 1
    assert taken.remade
    ours = images_of(network, range(len(chosen)))
    assert torch.allclose(ours, images_of(source, chosen), atol=1e-5)


@pytest.mark.parametrize("family", [family for family in GANS if family != "dcgan"])
def test_a_critic_judges_chosen_classes_as_before(family):
    source, network = critic(family, seed=1).eval(), critic(family, seed=2, n_classes=2).eval()
    assert take(network, source.state_dict(), (2, 0)).share == 1
    x = torch.randn(2, 1, 16, 16).clamp(-1, 1)
    with torch.inference_mode():
        assert torch.allclose(network(x, torch.tensor([0, 1])), source(x, torch.tensor([2, 0])), atol=1e-5)


@pytest.mark.parametrize("family", ["diffusion", "dit"])
def test_a_denoiser_without_classes_begins_as_what_its_source_says_of_no_class(family):
    """Class 3 of three is none."""
    source, network = small(family, seed=1), small(family, seed=2, n_classes=0)
    take(network, source.state_dict())
    x, time = torch.randn(2, 1, 16, 16), torch.tensor([3.0, 500.0])
    with torch.inference_mode():
        theirs, ours = source.eval()(x, time, torch.full((2,), 3)), network.eval()(x, time)
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("family", ["r3gan", "stylegan2", "diffusion", "dit"])
def test_a_network_with_classes_begins_by_drawing_what_its_source_without_classes_draws(family):
    source, network = small(family, seed=1, n_classes=0), small(family, seed=2)
    take(network, source.state_dict())
    assert torch.allclose(images_of(network), images_of(source), atol=1e-5)


@pytest.mark.parametrize("family", SMALL)
def test_colours_begin_as_grey_was(family):
    """Latents and tokens of one seed are the same for both; diffusion's noise is not, so that its network is asked."""
    source, network = small(family, seed=1), small(family, seed=2, channels=3)
    taken = take(network, source.state_dict())
    assert taken.share == 1
    assert taken.remade
    if family in ("diffusion", "dit"):
        x, time, labels = torch.randn(2, 1, 16, 16), torch.tensor([3.0, 500.0]), torch.tensor([0, 2])
        with torch.inference_mode():
            grey, colours = source.eval()(x, time, labels), network.eval()(x.expand(-1, 3, -1, -1), time, labels)
    else:
        grey, colours = images_of(source), images_of(network)
    assert torch.allclose(colours, grey.expand(-1, 3, -1, -1), atol=1e-5)


@pytest.mark.parametrize("family", GANS)
def test_a_critic_judges_grey_images_as_before_once_it_sees_colours(family):
    source, network = critic(family, seed=1).eval(), critic(family, seed=2, channels=3).eval()
    assert take(network, source.state_dict()).share == 1
    x, labels = torch.randn(4, 1, 16, 16).clamp(-1, 1), () if family == "dcgan" else (torch.arange(4) % 3,)
    with torch.inference_mode():
        assert torch.allclose(network(x.expand(-1, 3, -1, -1), *labels), source(x, *labels), atol=1e-4)


def test_a_grey_pixel_is_the_mean_of_the_colours():
    source, network = small("dcgan", seed=1, channels=3, output="none"), small("dcgan", seed=2, output="none")
    take(network, source.state_dict())
    assert torch.allclose(images_of(network), images_of(source).mean(1, keepdim=True), atol=1e-6)


def test_weights_of_another_family_are_refused_and_nothing_changes():
    network = small("r3gan")
    before = copied(network)
    with refused("too-little-fits", "0%", "50%"):
        take(network, small("dit").state_dict())
    assert same(network.state_dict(), before)


def test_what_is_left_out_is_named_on_both_sides():
    network, source = small("stylegan2", widths=(16, 8, 8, 8)), small("stylegan2", seed=1).state_dict()
    taken = take(network, {**source, "more": torch.zeros(7)})
    assert taken.unused == {"more": 7}
    assert {name.split(".")[1] for name in taken.fresh} == {"3"}        # the stage that the source lacks
    parameters = dict(network.named_parameters())
    fresh = sum(parameters[name].numel() for name in taken.fresh)
    assert taken.share == pytest.approx(1 - fresh / sum(value.numel() for value in parameters.values()))


# What is frozen


def test_the_layers_of_each_critic_come_in_the_order_of_their_execution():
    for family in GANS:
        network, seen = critic(family), []
        for k, layer in enumerate(layers_of(network)):
            layer[0].register_forward_hook(lambda *_, k=k, seen=seen: seen.append(k))
        network(torch.zeros(4, 1, 16, 16), *(() if family == "dcgan" else (torch.zeros(4, dtype=torch.int64),)))
        assert seen == list(range(len(layers_of(network)))), family
        assert len(seen) > 2


@pytest.mark.parametrize("family", GANS)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_frozen_layers_keep_their_bits_and_the_others_learn(family, share, tmp_path):
    judge = critic(family)
    freeze_lower(judge, share)
    still = [name for layer in layers_of(judge)[: round(share * len(layers_of(judge)))] for module in layer
             for name in names_in(judge, module)]
    still = still if share < 1 else [name for name in still if name not in names_in(judge, layers_of(judge)[-1][0])]
    before = copied(judge)
    events = train(task_of(family, small(family), judge), tmp_path)
    assert all(math.isfinite(loss) for event in events for loss in event.losses.values())
    changed = {name for name, value in judge.state_dict().items() if not torch.equal(value, before[name])}
    assert len(still) > 1
    assert not changed & set(still)
    assert changed >= {name for name, weight in judge.named_parameters() if name not in still and weight.grad.any()}
    assert changed


def names_in(network, module):
    path = next(name for name, part in network.named_modules() if part is module)
    return {f"{path}.{name}" for name in module.state_dict()}


def test_frozen_normalisation_keeps_its_statistics_in_training_mode_and_in_copies():
    judge = critic("dcgan")
    freeze_lower(judge, 0.7)
    for network in (judge, copy.deepcopy(judge)):
        before = copied(network.train())
        network(torch.randn(4, 1, 16, 16))
        changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
        assert network.training
        assert changed == set()                             # layers: 0, 2 with 3, and 5 at the end


def test_normalisation_above_the_frozen_layers_goes_on_following_the_images():
    judge = critic("dcgan", resolution=32)                  # layers: 0, 2 with 3, 5 with 6, 8
    freeze_lower(judge, 0.5)
    before = copied(judge.train())
    judge(torch.randn(4, 1, 32, 32))
    changed = {name for name, value in judge.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"main.6.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}


def test_nothing_is_frozen_by_a_share_of_0():
    judge = critic("r3gan")
    freeze_lower(judge, 0)
    assert len(learned(judge)) == len(list(judge.parameters()))


# What is anchored


def test_the_fisher_information_of_a_linear_gaussian_model_is_its_closed_form():
    """-ln p = (y - w x)^2 / 2 s^2: F = E x^2 r^2 / s^4, which is E x^2 / s^2 for residuals r of variance s^2."""
    random = torch.Generator().manual_seed(0)
    x, s = torch.randn(20_000, 2, generator=random, dtype=torch.float64) * torch.tensor([1.0, 3.0]), 0.5
    w = torch.tensor([2.0, -1.0], dtype=torch.float64, requires_grad=True)
    y = x @ w.detach() + s * torch.randn(20_000, generator=random, dtype=torch.float64)
    some = slice(0, 500)
    found = fisher(((y[k] - x[k] @ w).square() / (2 * s**2) for k in range(500)), {"w": w})["w"]
    residuals = (y - x @ w.detach())[some, None]
    assert torch.allclose(found, (x[some].square() * residuals.square()).mean(0) / s**4)
    assert found.tolist() == pytest.approx([1 / s**2, 9 / s**2], rel=0.3)       # 500 samples
    with pytest.raises(ValueError, match="at least 1 sample"):
        fisher([], {"w": w})


def test_the_penalty_and_where_it_leaves_a_quadratic_loss_are_closed_forms():
    """min c / 2 (t - b)^2 + l / 2 F (t - a)^2 is at (c b + l F a) / (c + l F)."""
    network = nn.Linear(2, 1, bias=False).double()
    a, b = torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[3.0, 4.0]]).double()
    network.weight.data.copy_(a)
    information = torch.tensor([[0.5, 8.0]]).double()
    anchor = Anchor(network, {"weight": information}, weight=3.0)
    assert anchor.penalty(network).item() == 0
    network.weight.data.copy_(b)
    assert anchor.penalty(network).item() == pytest.approx(1.5 * (0.5 * 2**2 + 8 * 6**2))
    descent = torch.optim.SGD(network.parameters(), 0.05)
    for _ in range(500):
        descent.zero_grad()
        ((network.weight - b).square().sum() / 2 + anchor.penalty(network)).backward()
        descent.step()
    assert torch.allclose(network.weight, (b + 3 * information * a) / (1 + 3 * information), atol=1e-9)


@pytest.mark.parametrize("family", SMALL)
def test_an_anchored_network_moves_less_and_its_anchor_is_kept(family, tmp_path):
    moved = []
    for weight in (0.0, 1e4):
        network = small(family)
        parameters = {name: value for name, value in network.named_parameters() if not name.startswith("tokenizer.")}
        before = {name: value.detach().clone() for name, value in parameters.items()}
        anchor = Anchor(network, {name: torch.ones_like(value) for name, value in parameters.items()}, weight)
        task = task_of(family, network, anchor=anchor)
        assert task.parts["anchor"] is anchor
        events = train(task, tmp_path / str(weight))
        assert all(math.isfinite(loss) for event in events for loss in event.losses.values())
        moved.append(sum((value.detach() - before[name]).square().sum() for name, value in parameters.items()))
        state = torch.load(tmp_path / str(weight) / "state.pt", weights_only=True)
        assert same(state["anchor"], anchor.state_dict())
    assert moved[1] < moved[0]


def test_the_information_of_a_generator_comes_from_its_critics_judgement():
    generator, judge = small("dcgan").eval(), critic("dcgan").eval()
    z = torch.randn(6, 8)
    losses = (non_saturating_loss(judge(generator(one[None]))) for one in z)
    found = fisher(losses, dict(generator.named_parameters()))
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in generator.named_parameters()}
    assert all((value >= 0).all() and value.any() for value in found.values())


# Adapters


def adapter_on(layer, rank=2, scale=0.7):
    """An adapter whose both factors are random."""
    random = torch.Generator().manual_seed(0)
    adapter = Adapter(layer.weight, rank, random, scale)
    with torch.no_grad():
        adapter.up.normal_(generator=random)
    weight = layer.weight.detach().clone()
    nn.utils.parametrize.register_parametrization(layer, "weight", adapter)
    return adapter, weight


def test_an_adapted_linear_layer_is_that_of_the_paper():
    """W x + (alpha / r) B A x, as peft computes it."""
    layer, x = nn.Linear(5, 7), torch.randn(3, 5)
    adapter, weight = adapter_on(layer)
    expected = linear(x, weight, layer.bias) + 0.7 * linear(linear(x, adapter.down), adapter.up)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_an_adapted_convolution_is_a_convolution_into_r_channels_and_a_small_one_after_it():
    layer, x = nn.Conv2d(4, 6, 3, stride=2, padding=1), torch.randn(2, 4, 9, 9)
    adapter, weight = adapter_on(layer)
    inner = conv2d(x, adapter.down.view(2, 4, 3, 3), stride=2, padding=1)
    expected = conv2d(x, weight, layer.bias, 2, 1) + 0.7 * conv2d(inner, adapter.up[:, :, None, None])
    assert torch.allclose(layer(x), expected, atol=1e-4)


def test_an_adapted_transposed_convolution_is_a_small_one_and_a_transposed_one_after_it():
    layer, x = nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1), torch.randn(2, 4, 5, 5)
    adapter, weight = adapter_on(layer)
    inner = conv2d(x, adapter.up.T[:, :, None, None])
    expected = (conv_transpose2d(x, weight, layer.bias, 2, 1)
                + 0.7 * conv_transpose2d(inner, adapter.down.view(2, 6, 4, 4), stride=2, padding=1))
    assert torch.allclose(layer(x), expected, atol=1e-4)


@pytest.mark.parametrize("make", [lambda: stylegan2.Linear(5, 7, rate=0.1), lambda: stylegan2.Convolution(4, 6, 3),
                                  lambda: stylegan2.Styled(4, 6, 8), lambda: stylegan2.ToImage(4, 3, 8)])
def test_an_equalised_layer_is_adapted_in_the_weights_that_it_scales(make):
    layer = make()
    other = copy.deepcopy(layer)
    adapter, weight = adapter_on(layer)
    other.weight.data.copy_(weight + 0.7 * (adapter.up @ adapter.down).view(weight.shape))
    x = torch.randn(2, 5) if isinstance(layer, stylegan2.Linear) else torch.randn(2, 4, 6, 6)
    more = {stylegan2.Styled: (torch.randn(2, 8), None), stylegan2.ToImage: (torch.randn(2, 8),)}.get(type(other), ())
    assert torch.allclose(layer(x, *more), other(x, *more), atol=1e-5)


@pytest.mark.long
def test_peft_computes_the_same():
    """peft 0.21 on a linear layer and a convolution, rank 2 and alpha 4."""
    peft = pytest.importorskip("peft")
    layers = nn.ModuleDict({"line": nn.Linear(5, 7), "image": nn.Conv2d(4, 6, 3, stride=2, padding=1)})
    ours = copy.deepcopy(layers)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["line", "image"], init_lora_weights=False)
    theirs = peft.inject_adapter_in_model(config, layers)
    for name, x in (("line", torch.randn(3, 5)), ("image", torch.randn(2, 4, 9, 9))):
        adapter, _ = adapter_on(ours[name], scale=4 / 2)
        adapter.up.data.copy_(theirs[name].lora_B["default"].weight.flatten(1))
        adapter.down.data.copy_(theirs[name].lora_A["default"].weight.flatten(1))
        assert torch.allclose(ours[name](x), theirs[name](x), atol=1e-5)


def test_the_rank_is_the_largest_that_leaves_few_weights():
    """Rank r costs 30 r of 200 and 101 r of 100 numbers, the second more than half of its weight."""
    weights = {"a": torch.zeros(10, 20), "b": torch.zeros(1, 100), "c": torch.zeros(40, 10, 3, 3)}     # c: 130 r
    assert ranks(weights, 2 * 160 + 1) == {"a": 2, "c": 2}
    assert ranks(weights, 2 * 160) == {"a": 1, "c": 1}              # fewer, not as many
    assert ranks(weights, 1e9) == {"a": 200 // 2 // 30, "c": 3600 // 2 // 130}
    assert ranks(weights, 140) == {"c": 1}                          # the smallest share of its own size
    with refused("no-room-for-adapters", 20):
        ranks(weights, 20)


def realistic(name, channels=1, classes=10):
    """The family of a design and its arguments for a user's images of 32 pixels."""
    design = DESIGNS[name]
    arguments = design.arguments(TrainingSet("images", "0", 100, 20, channels, 32, 32), 1)
    family = design.family or RECIPES[design.like].family
    return family, {**arguments, **({"n_classes": classes} if design.classes else {})}


@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("name", ["dcgan", "wgan-gp", "r3gan", "stylegan2", "flow", "dit", "gpt", "maskgit"])
def test_adapters_of_every_family_have_less_than_5_percent_of_its_weights_and_change_nothing_at_first(name, classes):
    family, arguments = realistic(name, classes=classes)
    network = make_family(family, arguments)
    base = sum(weight.numel() for weight in network.parameters())
    names, bias = set(network.state_dict()), {name for name, weight in network.named_parameters() if weight.ndim < 2}
    before = copied(network)
    add_adapters(network)
    new = sum(weight.numel() for weight in learned(network))
    assert 0.02 * base < new < 0.05 * base
    assert new == sum(value.numel() for key, value in adapter_state(network).items() if not key.endswith("scale"))
    assert same(merged(network), before)
    assert set(merged(network)) == names
    assert bias <= set(network.state_dict())


@pytest.mark.parametrize("family", SMALL)
def test_outputs_of_fresh_adapters_are_the_same_bits(family):
    network = small(family)
    expected = images_of(network)
    add_adapters(network, share=0.3)
    assert torch.equal(images_of(network), expected)
    assert torch.equal(images_of(copy.deepcopy(network)), expected)
    assert torch.equal(images_of(plain(network)), expected)


@pytest.mark.parametrize("family", SMALL)
def test_training_by_adapters_leaves_the_base_and_its_snapshot_is_a_plain_network(family, tmp_path):
    network = small(family)
    before = copied(network)
    add_adapters(network, share=0.3)
    task = task_of(family, network)
    events = train(task, tmp_path)
    assert all(math.isfinite(loss) for event in events for loss in event.losses.values())
    after = network.state_dict()
    base = {name.replace("parametrizations.", "").removesuffix(".original"): value for name, value in after.items()
            if name not in adapter_state(network)}
    changed = {name for name, value in base.items() if not torch.equal(value, before[name])}
    assert changed <= {"mapping.mean"}                              # which StyleGAN2 follows
    assert all(value.any() for value in adapter_state(network).values())
    other = make_family(family, SMALL[family])
    load_into(other, merged(network), family)
    assert torch.allclose(images_of(other), images_of(network), atol=1e-5)
    kept = torch.load(tmp_path / "state.pt", weights_only=True)
    load_into(other, kept["ema"], family)                           # a snapshot holds this part as it is
    assert torch.allclose(images_of(other), images_of(task.average), atol=1e-5)
    part = next(part for part, value in task.parts.items() if value is network)
    assert same(merged_state(kept[part]), merged(network))


@pytest.mark.parametrize("family", ["dcgan", "diffusion"])
def test_a_training_by_adapters_that_was_stopped_ends_in_the_same_bits(family, tmp_path):
    def task():
        network = small(family)
        add_adapters(network, share=0.3, seed=5)
        return task_of(family, network)

    train(task(), tmp_path / "whole")
    first = fit(task(), DATA, SCHEDULE, tmp_path / "stopped")
    for _ in range(3):
        next(first)
    first.close()
    train(task(), tmp_path / "stopped")
    ours, theirs = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "stopped"))
    for part in ("ema", "generator" if family == "dcgan" else "network"):
        assert same(ours[part], theirs[part])


def test_the_small_state_makes_the_adapted_network_of_its_base():
    network, other = small("r3gan"), small("r3gan")
    for one, seed in ((network, 1), (other, 2)):
        add_adapters(one, share=0.3, seed=seed)
    with torch.no_grad():
        for weight in learned(network):
            weight += 0.1
    assert not torch.equal(images_of(other), images_of(network))
    result = other.load_state_dict(adapter_state(network), strict=False)
    assert not result.unexpected_keys
    assert torch.equal(images_of(other), images_of(network))


def test_the_average_of_adapted_weights_is_that_of_the_products():
    current = nn.Linear(3, 4)
    adapter, weight = adapter_on(current)
    average, expected = plain(current), weight + 0.7 * adapter.up.detach() @ adapter.down.detach()
    assert torch.allclose(average.weight, expected, atol=1e-6)
    for step in range(3):
        with torch.no_grad():
            adapter.up += 1
            adapter.down -= 0.5
        ema.update(average, current, step, 0.5)
        decay = min(0.5, (1 + step) / (10 + step))
        product = weight + 0.7 * adapter.up.detach() @ adapter.down.detach()
        expected = decay * expected + (1 - decay) * product
    assert torch.allclose(average.weight, expected, atol=1e-5)


def test_a_network_that_is_parametrised_already_keeps_that():
    normed = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 20))
    network = nn.Sequential(normed, nn.Linear(20, 20)).eval()
    x = torch.randn(2, 20)
    expected, names = network(x), set(network.state_dict())
    add_adapters(network, share=0.2)
    assert {name.split(".")[0] for name in adapter_state(network)} == {"1"}
    assert set(merged(network)) == set(plain(network).state_dict()) == names
    assert torch.equal(plain(network)(x), expected)
    assert torch.equal(network(x), expected)                # a copy without adapters takes none from its original


def test_weights_that_are_tied_stay_tied():
    network = nn.ModuleDict({"read": nn.Embedding(50, 20), "write": nn.Linear(20, 50, bias=False),
                             "inner": nn.Linear(20, 20)})
    network["write"].weight = network["read"].weight
    add_adapters(network, share=0.5)
    assert network["write"].weight is network["read"].weight
    assert {name.split(".")[0] for name in adapter_state(network)} == {"inner"}
