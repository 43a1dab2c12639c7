"""Training loops as a user writes them, one for each kind of model: what `training.py` holds ours against.

Each takes networks with their first weights and gives a step: batches of (images, labels), number -> losses by name.
What is random comes from torch's own source, in the order in which our steps draw it: seeded alike, both compute the
same.  Who starts from which loop gets what that loop has: the critic's weights rest while the generator learns, and
weights are averaged, where the lineage does so, not elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, AdamW
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from ganbench.gan.recipes import RECIPES, Recipe
from ganbench.gan.training.loop import Batch

Labelled = tuple[Tensor, Tensor]                                # images in [-1, 1], labels
Plain = Callable[[Sequence[Labelled], int], dict[str, float]]


def fresh(name: str, folder: Path) -> Any:
    """A recipe's task before its first step; a model that it is `after` has its first weights, too."""
    recipe = RECIPES[name]
    if recipe.after:
        before = RECIPES[recipe.after]
        path = folder / recipe.after / f"step-{before.schedule.steps}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_weights(shipped(recipe.after, folder), path)
    return recipe.make(recipe, folder)


def shipped(name: str, folder: Path) -> nn.Module:
    """The network that a recipe ships, with its first weights."""
    return fresh(name, folder).parts[RECIPES[name].ships]


def save_weights(network: Any, path: Path) -> None:
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)


# The data, as torchvision's data sets give them


class Pictures(Dataset[tuple[Tensor, int]]):
    def __init__(self, data: Batch):
        if data.labels is None:
            raise ValueError("These loops are for images with labels.")
        self.images, self.labels = data.images.permute(0, 2, 3, 1).contiguous().numpy(), data.labels.tolist()
        half = (0.5,) * self.images.shape[3]
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(half, half)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def endless(data: Batch, size: int) -> Iterator[Labelled]:
    """Epoch after epoch of shuffled batches."""
    loader = DataLoader(Pictures(data), batch_size=size, shuffle=True, num_workers=0, drop_last=True)
    while True:
        yield from loader


# The loops


def dcgan(task: Any, recipe: Recipe) -> Plain:
    """PyTorch's DCGAN tutorial, its sigmoid in the loss.  Every backward pass goes through the critic's weights."""
    net_g, net_d = (as_made(network) for network in (task.generator, task.discriminator))
    criterion = nn.BCEWithLogitsLoss()
    adam_d = Adam(net_d.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)
    adam_g = Adam(net_g.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        ((real, _),) = batches
        net_d.zero_grad()
        label = torch.full((len(real),), 1.0)
        of_real = criterion(net_d(real), label)
        of_real.backward()
        fake = net_g(torch.randn(len(real), net_g.z_dim))
        label.fill_(0.0)
        of_fake = criterion(net_d(fake.detach()), label)
        of_fake.backward()
        adam_d.step()
        net_g.zero_grad()
        label.fill_(1.0)
        loss = criterion(net_d(fake), label)
        loss.backward()
        adam_g.step()
        return {"discriminator": of_real.item() + of_fake.item(), "generator": loss.item()}

    return step


def wgan_gp(task: Any, recipe: Recipe) -> Plain:
    """github.com/caogang/wgan-gp, whose critic rests while the generator learns; no average."""
    net_g, net_d, weight = task.generator, task.discriminator, recipe.settings["gp"]
    adam_d = Adam(net_d.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)
    adam_g = Adam(net_g.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)

    def penalty_of(real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        alpha = torch.rand(len(real), 1, 1, 1)
        between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = net_d(between, labels)
        (slopes,) = torch.autograd.grad(scores, between, grad_outputs=torch.ones_like(scores), create_graph=True)
        return weight * ((slopes.flatten(1).norm(2, dim=1) - 1) ** 2).mean()

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        net_d.requires_grad_(True)
        for real, labels in batches:
            adam_d.zero_grad()
            z = torch.randn(len(real), net_g.z_dim)
            with torch.no_grad():
                fake = net_g(z, labels)
            loss_d = net_d(fake, labels).mean() - net_d(real, labels).mean()
            penalty = penalty_of(real, fake, labels)
            (loss_d + penalty).backward()
            adam_d.step()
        net_d.requires_grad_(False)
        adam_g.zero_grad()
        loss_g = -net_d(net_g(z, labels), labels).mean()
        loss_g.backward()
        adam_g.step()
        return {"discriminator": loss_d.item(), "penalty": penalty.item(), "generator": loss_g.item()}

    return step


def relativistic(task: Any, recipe: Recipe) -> Plain:
    """R3GAN's and StyleGAN2's: the critic rests while the generator learns; weights are averaged."""
    net_g, net_d, augment, settings = task.generator, task.discriminator, task.augment, recipe.settings
    random, every = torch.default_generator, settings["penalty_every"]
    adam_d = Adam(net_d.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)
    adam_g = Adam(net_g.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)
    ema = averaged(net_g, recipe)

    def penalty_of(logits: Tensor, images: Tensor, gamma: float) -> Tensor:
        (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return gamma / 2 * every * slopes.square().sum([1, 2, 3]).mean()

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        ((real, labels),) = batches
        fake = net_g(net_g.training_draws(len(real), random), labels)
        penalised = at % every == 0
        net_d.requires_grad_(True)
        adam_d.zero_grad()
        seen_real, seen_fake = (images.detach().requires_grad_(penalised) for images in (real, fake))
        of_real, of_fake = (net_d(augment(images, random), labels) for images in (seen_real, seen_fake))
        loss_d, penalty = functional.softplus(of_fake - of_real).mean(), torch.zeros(())
        if penalised:
            penalty = penalty_of(of_real, seen_real, settings["r1"]) + penalty_of(of_fake, seen_fake, settings["r2"])
        (loss_d + penalty).backward()
        adam_d.step()
        net_d.requires_grad_(False)
        adam_g.zero_grad()
        of_real, of_fake = (net_d(augment(images, random), labels) for images in (real, fake))
        loss_g = functional.softplus(of_real - of_fake).mean()
        loss_g.backward()
        adam_g.step()
        ema.update_parameters(net_g)
        return {"discriminator": loss_d.item(), "penalty": penalty.item(), "generator": loss_g.item()}

    return step


def diffusion(task: Any, recipe: Recipe) -> Plain:
    """diffusers' unconditional training, on flow matching; weights are averaged."""
    network = task.network
    adam = AdamW(network.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas, weight_decay=0.0)
    rate, ema = LambdaLR(adam, lambda step: min(1.0, (step + 1) / 500)), averaged(network, recipe)

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        ((images, labels),) = batches
        labels = torch.where(torch.rand(len(labels)) < 0.1, network.n_classes, labels)
        t = torch.sigmoid(torch.randn(len(images)))
        noise = torch.randn_like(images)
        share = t.view(-1, 1, 1, 1)
        noisy = (1 - share) * images + share * noise
        loss = functional.mse_loss(network(noisy, 1000 * t, labels), noise - images)
        loss.backward()
        adam.step()
        rate.step()
        adam.zero_grad()
        ema.update_parameters(network)
        return {"denoising": loss.item()}

    return step


def tokenizer(task: Any, recipe: Recipe) -> Plain:
    """zalandoresearch/pytorch-vq-vae: the codebook by one-hot vectors; VQ-GAN's critic; no average of weights."""
    model, critic = task.tokenizer, task.critic
    number, total = torch.ones(len(model.codebook)), model.codebook.detach().clone()
    learned = [*model.encoder.parameters(), *model.decoder.parameters()]
    adam = Adam(learned, lr=recipe.schedule.rate, betas=recipe.schedule.betas)
    adam_d = Adam(critic.parameters(), lr=recipe.schedule.rate, betas=recipe.schedule.betas)

    @torch.no_grad()
    def follow(flat: Tensor, one_hot: Tensor) -> None:
        number.mul_(0.99).add_(one_hot.sum(0), alpha=0.01)
        total.mul_(0.99).add_(one_hot.T @ flat, alpha=0.01)
        dead = number < 0.02
        number[dead], total[dead] = 1.0, flat[torch.randint(len(flat), (int(dead.sum()),))]
        model.codebook.copy_(total / number[:, None])

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        ((images, _),) = batches
        code = model.encoder(images)
        flat = code.detach().permute(0, 2, 3, 1).reshape(-1, code.shape[1])
        distances = flat.square().sum(1, keepdim=True) + model.codebook.square().sum(1) - 2 * flat @ model.codebook.T
        one_hot = functional.one_hot(distances.argmin(1), len(model.codebook)).float()
        vectors = (one_hot @ model.codebook).view(len(code), *code.shape[2:], -1).permute(0, 3, 1, 2)
        made = torch.tanh(model.decoder(code + (vectors - code).detach()))
        reconstruction = functional.l1_loss(made, images) + functional.mse_loss(made, images)
        loss = reconstruction + 0.25 * functional.mse_loss(code, vectors) - 0.05 * critic(made).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        loss_d = (1 - critic(images)).relu().mean() + (1 + critic(made.detach())).relu().mean()
        adam_d.zero_grad()
        loss_d.backward()
        adam_d.step()
        follow(flat, one_hot)
        return {"tokenizer": loss.item(), "reconstruction": reconstruction.item(), "critic": loss_d.item()}

    return step


def writer(task: Any, recipe: Recipe, masked: bool) -> Plain:
    """minGPT's loop over tokens that are made of the images in every step, as in VQ-GAN's second stage; no average."""
    model = task.model
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    adam = AdamW(learned, lr=recipe.schedule.rate, betas=recipe.schedule.betas, weight_decay=0.05)
    rate = LambdaLR(adam, lambda step: min(1.0, (step + 1) / 500))

    def hidden(tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens with masks among them, and those that are to be told."""
        share = torch.cos(math.pi / 2 * torch.rand(len(tokens), 1))
        mask = torch.rand(tokens.shape).argsort(1) < (share * tokens.shape[1]).ceil().clamp(min=1)
        return torch.where(mask, model.codes, tokens), torch.where(mask, tokens, -1)

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        ((images, labels),) = batches
        with torch.no_grad():
            tokens = model.tokenizer.encode(images)
        seen, targets = hidden(tokens) if masked else (tokens, tokens)
        logits = model(seen, labels)
        loss = functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-1)
        model.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        rate.step()
        return {"cross_entropy": loss.item()}

    return step


def judge(task: Any, recipe: Recipe) -> Plain:
    """PyTorch's tutorial of a classifier, on the recipe's schedule."""
    network, criterion = as_made(task.network), nn.CrossEntropyLoss(label_smoothing=0.1)
    adam = AdamW(network.parameters(), lr=recipe.schedule.rate, weight_decay=1e-2)
    rate = OneCycleLR(adam, recipe.schedule.rate, recipe.schedule.steps)

    def step(batches: Sequence[Labelled], at: int) -> dict[str, float]:
        ((images, labels),) = batches
        flip = torch.rand(len(images)) < 0.5
        images[flip] = images[flip].flip(3)
        adam.zero_grad()
        loss = criterion(network(images), labels)
        loss.backward()
        adam.step()
        rate.step()
        return {"cross_entropy": loss.item()}

    return step


def as_made(network: nn.Module) -> nn.Module:
    """With weights in the layout that PyTorch's layers have of themselves, whatever ours have."""
    return network.to(memory_format=torch.contiguous_format)


def averaged(network: nn.Module, recipe: Recipe) -> AveragedModel:
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.schedule.ema))


LOOPS: dict[str, Callable[[Any, Recipe], Plain]] = {        # by family, or by recipe where there is none
    "dcgan": dcgan, "wgan-gp": wgan_gp, "r3gan": relativistic, "stylegan2": relativistic, "diffusion": diffusion,
    "dit": diffusion, "tokenizer-fashion-mnist": tokenizer, "gpt": lambda task, recipe: writer(task, recipe, False),
    "maskgit": lambda task, recipe: writer(task, recipe, True), "judge-fashion-mnist": judge,
}
