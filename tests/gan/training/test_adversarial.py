"""The game on toys: every loss and penalty trains, resumes to the same bits, and asks each network for no more than its
part."""

import pytest
import torch
from torch import nn

from ganbench.gan.generators import dcgan, r3gan, stylegan2, wgan_gp
from ganbench.gan.training.adversarial import Adversarial
from ganbench.gan.training.loop import Batch, Schedule, fit, random_at, to_float
from ganbench.gan.training.losses import LOSSES, discriminator_loss, gradient_penalty, zero_centred_penalty

pytestmark = pytest.mark.long

IMAGES = torch.randint(0, 256, (60, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
DATA = Batch(IMAGES, torch.arange(60) % 3)
SCHEDULE = Schedule(steps=6, batch=10, keep_every=2, seed=3, betas=(0.0, 0.99))


def initialised(module, *networks):
    random = torch.Generator().manual_seed(0)
    for network in networks:
        module.initialise(network, random)
    return networks


def dcgans():
    return initialised(dcgan, dcgan.DCGAN(z_dim=4, width=2, resolution=16, channels=1),
                       dcgan.Discriminator(width=2, resolution=16, channels=1))


def r3gans(n_classes=3):
    sizes = {"widths": (16, 8), "group": 4, "patch": 2, "n_classes": n_classes}
    return initialised(r3gan, r3gan.R3GAN(z_dim=4, **sizes), r3gan.Discriminator(**sizes))


def wgans(n_classes=3):
    sizes = {"widths": (8, 4), "patch": 2, "n_classes": n_classes}
    return initialised(wgan_gp, wgan_gp.WGANGP(z_dim=4, **sizes), wgan_gp.Critic(**sizes))


def stylegans(n_classes=3):
    sizes = {"widths": (8, 4, 4), "n_classes": n_classes}
    return initialised(stylegan2, stylegan2.StyleGAN2(z_dim=4, w_dim=4, depth=2, **sizes),
                       stylegan2.Discriminator(**sizes))


class Dot(nn.Module):
    """z (n, 1) -> images (n, 1, 2, 2), all pixels alike: weight z + bias."""

    n_classes = 0

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.tensor(0.0))

    def training_draws(self, n, random):
        return torch.randn(n, 1, generator=random)

    def forward(self, z):
        return (self.weight * z + self.bias)[:, :, None, None].expand(-1, 1, 2, 2)


class Line(nn.Module):
    """Images -> slope times the sum of the pixels."""

    def __init__(self, slope=0.5):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))
        self.seen = []

    def forward(self, images):
        self.seen.append(images.detach())
        return self.slope * images.flatten(1).sum(1)


GAMES = {
    "dcgan": (dcgans, {}),
    "dcgan augmented": (dcgans, {"augment": "color,translation,cutout"}),
    "hinge": (r3gans, {"loss": "hinge", "critic_steps": 2}),
    "wgan-gp": (wgans, {"loss": "wasserstein", "critic_steps": 3, "gp": 10.0}),
    "r3gan": (r3gans, {"loss": "relativistic", "r1": 0.5, "r2": 0.5, "penalty_every": 2, "augment": "color"}),
    "stylegan2": (stylegans, {"r1": 0.5, "penalty_every": 4, "critic_rate": 1e-3, "critic_betas": (0.0, 0.9)}),
    "without classes": (lambda: stylegans(0), {"loss": "hinge", "r1": 0.1}),
}
LESSONS = {"dcgan": 600, "hinge": 200, "wgan-gp": 200, "r3gan": 200, "stylegan2": 300}       # steps


def game(name, schedule=SCHEDULE):
    make, settings = GAMES[name]
    return Adversarial(*make(), schedule, **settings)


def state_of(folder):
    """All tensors of a kept state, by path."""

    def tensors(value, at=""):
        if isinstance(value, torch.Tensor):
            yield at, value
        elif isinstance(value, dict):
            for name, part in value.items():
                yield from tensors(part, f"{at}.{name}")

    return dict(tensors(torch.load(folder / "state.pt", weights_only=True)))


def equal(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("name", GAMES)
def test_a_game_that_was_stopped_ends_in_the_same_bits(name, tmp_path):
    whole = [event.losses for event in fit(game(name), DATA, SCHEDULE, tmp_path / "whole")]
    stopped = fit(game(name), DATA, SCHEDULE, tmp_path / "stopped")
    first = [next(stopped).losses for _ in range(3)]
    stopped.close()
    torch.manual_seed(99)                                   # the global random state must not matter
    rest = [event.losses for event in fit(game(name), DATA, SCHEDULE, tmp_path / "stopped")]
    assert first + rest[1:] == whole
    assert len(rest) == 4
    assert equal(state_of(tmp_path / "stopped"), state_of(tmp_path / "whole"))


@pytest.mark.parametrize("name", GAMES)
def test_both_sides_learn_and_all_their_weights_move(name, tmp_path):
    task = game(name)
    before = {part: {k: v.clone() for k, v in task.parts[part].state_dict().items()}
              for part in ("generator", "discriminator", "ema")}
    list(fit(task, DATA, SCHEDULE, tmp_path))
    for part, values in before.items():
        after = task.parts[part].state_dict()
        still = [k for k, v in values.items() if torch.equal(v, after[k])]
        assert not still, (part, still)


@pytest.mark.parametrize("name", LESSONS)
def test_the_generator_comes_to_draw_the_picture_of_each_class(name, tmp_path):
    """Distance of what is drawn to the one picture that each class has, before and after."""
    task = game(name, Schedule(steps=LESSONS[name], batch=20, rate=2e-3, betas=(0.0, 0.99), keep_every=1_000))
    side = torch.linspace(-0.8, 0.8, 16)
    pictures = torch.stack([side.expand(16, 16), side[:, None].expand(16, 16), -side.expand(16, 16)])[:, None]
    labels = torch.arange(60) % (3 if task.generator.n_classes else 1)
    data = Batch(pictures[labels].mul(127.5).add(128).byte(), labels)

    def distance():
        with torch.no_grad():
            drawn = task.generator.eval().sample(task.generator.draws(range(60), 0), labels)
        return (drawn - pictures[labels]).square().mean().item()

    before = distance()
    task.generator.train()
    list(fit(task, data, task.schedule, tmp_path))
    assert distance() < 0.6 * before


# One step, by hand


def one_step(**settings):
    """A step of `Dot` against `Line` with steps of plain descent: -> task, real images, fakes, losses."""
    schedule = Schedule(steps=1, batch=8, rate=0.1)
    task = Adversarial(Dot(), Line(), schedule, **settings)
    task.generator_adam = torch.optim.SGD(task.generator.parameters(), 0.1)
    task.discriminator_adam = torch.optim.SGD(task.discriminator.parameters(), 0.1)
    batches = [Batch(IMAGES[8 * k : 8 * k + 8, :, :2, :2]) for k in range(task.batches)]
    random = random_at(0, 0)
    fakes = [Dot()(torch.randn(8, 1, generator=random)).detach() for _ in batches]
    losses = task.step(batches, 0, 0)
    return task, [to_float(batch.images) for batch in batches], fakes, losses


def test_a_step_is_one_of_the_critic_then_one_of_the_generator_on_the_same_images():
    task, (real,), (fake,), losses = one_step()
    critic = Line()
    loss = discriminator_loss(critic(real), critic(fake))
    loss.backward()
    assert losses["discriminator"] == pytest.approx(loss.item())
    slope = 0.5 - 0.1 * critic.slope.grad.item()
    assert task.discriminator.slope.item() == pytest.approx(slope)
    logits = slope * fake.flatten(1).sum(1)
    assert losses["generator"] == pytest.approx(torch.nn.functional.softplus(-logits).mean().item())
    # d/d bias of -log sigmoid(4 slope (w z + b)) = -4 slope sigmoid(-logit)
    assert task.generator.bias.item() == pytest.approx(0.1 * (4 * slope * torch.sigmoid(-logits)).mean().item())


def test_the_critic_takes_its_steps_on_batches_of_their_own():
    task, reals, fakes, _ = one_step(loss="wasserstein", critic_steps=3)
    slope = 0.5                                             # d loss / d slope = E sum fake - E sum real
    for real, fake in zip(reals, fakes, strict=True):
        slope += 0.1 * (real.flatten(1).sum(1).mean() - fake.flatten(1).sum(1).mean()).item()
    assert task.batches == 3
    assert task.discriminator.slope.item() == pytest.approx(slope, rel=1e-5)
    assert task.generator.bias.item() == pytest.approx(0.1 * 4 * slope, rel=1e-5)


@pytest.mark.parametrize(("settings", "expected"), [
    ({"r1": 3.0}, 3.0 * 0.5**2 * 4 / 2),                    # |grad|^2 = slope^2 times 4 pixels
    ({"r1": 3.0, "r2": 1.0}, 4.0 * 0.5**2 * 4 / 2),
    ({"r1": 3.0, "penalty_every": 4}, 4 * 3.0 * 0.5**2 * 4 / 2),
    ({"gp": 10.0}, 10.0 * (0.5 * 2 - 1) ** 2),
])
def test_penalties_weigh_what_they_say(settings, expected):
    task, (real,), (fake,), losses = one_step(**settings)
    assert losses["penalty"] == pytest.approx(expected, abs=1e-6)
    critic = Line()
    total = discriminator_loss(critic(real), critic(fake)) + 0.0
    x, random = real.requires_grad_(), random_at(0, 0)
    if "gp" in settings:
        total = total + 10 * gradient_penalty(critic, real, fake, random)
    else:
        weight = (settings["r1"] + settings.get("r2", 0)) * settings.get("penalty_every", 1)
        total = total + weight * zero_centred_penalty(critic(x), x)
    total.backward()
    assert task.discriminator.slope.item() == pytest.approx(0.5 - 0.1 * critic.slope.grad.item(), rel=1e-5)


def test_lazy_penalties_rest_in_between():
    task = Adversarial(Dot(), Line(), SCHEDULE, r1=1.0, penalty_every=3)
    batch = Batch(IMAGES[:8, :, :2, :2])
    penalties = [task.step([batch], at, 0)["penalty"] for at in range(7)]
    assert [penalty > 0 for penalty in penalties] == [True, False, False, True, False, False, True]


def test_the_critic_has_its_own_rate_and_betas():
    task = Adversarial(Dot(), Line(), SCHEDULE, critic_rate=0.5, critic_betas=(0.1, 0.2))
    ours, theirs = task.generator_adam.param_groups[0], task.discriminator_adam.param_groups[0]
    assert (ours["lr"], ours["betas"]) == (SCHEDULE.rate, SCHEDULE.betas)
    assert (theirs["lr"], theirs["betas"]) == (0.5, (0.1, 0.2))


def test_the_critic_sees_augmented_images_of_both_kinds_and_as_they_are_without_a_policy():
    for policy, alike in (("color,translation", False), ("", True)):
        task = Adversarial(Dot(), Line(), SCHEDULE, augment=policy)
        batch = Batch(IMAGES[:8])
        task.step([batch], 0, 0)
        real, fake, again = task.discriminator.seen
        assert torch.equal(real, to_float(batch.images)) == alike
        assert torch.equal(fake, again) == alike


# Refusals


def test_an_unknown_loss_is_a_sentence():
    with pytest.raises(ValueError, match=r"No adversarial loss 'least squares'\. Known: non-saturating, hinge, "):
        Adversarial(Dot(), Line(), SCHEDULE, loss="least squares")


def test_classes_without_labels_are_a_sentence():
    task = Adversarial(*r3gans(), SCHEDULE)
    with pytest.raises(ValueError, match="The generator has 3 classes, but the images have no labels"):
        task.step([Batch(IMAGES[:10])], 0, 0)
    assert set(LOSSES) == {"non-saturating", "hinge", "wasserstein", "relativistic"}
