"""RECIPES: how the shipped models were trained; each can be trained again by `ganbench train`."""

from __future__ import annotations

from ganbench.gan.recipes.recipe import Recipe, make_diffusion, make_gan, make_judge, make_tokenizer, make_writer
from ganbench.gan.training.loop import Schedule

__all__ = ["RECIPES", "Recipe"]

# The judge leaves out the first 10,000 training images: those travel with the project as held-out
# real data, and a floor measured on images that the judge has learnt would flatter.
RECIPES = {
    "dcgan-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=60_000), family="dcgan",
        arguments={"z_dim": 100, "width": 32, "resolution": 32, "channels": 1},
        snapshots=(250, 500, 1_000, 2_000, *range(4_000, 60_001, 4_000)),
        expected="fd_efficientnet_lite0 = 12.51, fd_judge = 0.646 (fashion-mnist-embedded-2k)",
    ),
    "wgan-gp-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=3_000, rate=4e-4, betas=(0.0, 0.9)), family="wgan-gp",
        arguments={"n_classes": 10}, settings={"loss": "wasserstein", "critic_steps": 3, "gp": 10.0},
        snapshots=(500, *range(1_000, 3_001, 1_000)),
        expected="fd_efficientnet_lite0 = 64.8, fd_judge = 2.58, accuracy_judge = 0.831 (fashion-mnist-embedded-2k)",
    ),
    "r3gan-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=6_000, rate=8e-4, betas=(0.0, 0.99)), family="r3gan",
        arguments={"n_classes": 10},
        settings={"loss": "relativistic", "r1": 0.3, "r2": 0.3, "penalty_every": 4},
        snapshots=(500, *range(1_000, 6_001, 1_000)),
        expected="fd_efficientnet_lite0 = 24.5, fd_judge = 0.362, accuracy_judge = 0.951 (fashion-mnist-embedded-2k)",
    ),
    "stylegan2-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=3_000, rate=2e-3, betas=(0.0, 0.99)), family="stylegan2",
        arguments={"n_classes": 10, "noise": "none"},
        settings={"loss": "relativistic", "r1": 0.3, "r2": 0.3, "penalty_every": 4},
        snapshots=(500, *range(1_000, 3_001, 1_000)),
        expected="fd_efficientnet_lite0 = 45.5, fd_judge = 1.67, accuracy_judge = 0.851 (fashion-mnist-embedded-2k)",
    ),
    "flow-fashion-mnist": Recipe(
        make_diffusion, "fashion-mnist:train", Schedule(steps=5_000, rate=1e-3, betas=(0.9, 0.999)),
        family="diffusion", arguments={"n_classes": 10}, snapshots=(500, *range(1_000, 5_001, 1_000)),
        expected="fd_efficientnet_lite0 = 35.3, fd_judge = 1.04, accuracy_judge = 0.878 (fashion-mnist-embedded-2k)",
    ),
    "tokenizer-fashion-mnist": Recipe(
        make_tokenizer, "fashion-mnist:train", Schedule(steps=8_000, rate=5e-4), snapshots=(2_000, 4_000, 8_000),
    ),
    "gpt-fashion-mnist": Recipe(
        make_writer, "fashion-mnist:train", Schedule(steps=5_000, rate=1e-3, betas=(0.9, 0.99)), family="gpt",
        arguments={"n_classes": 10}, after="tokenizer-fashion-mnist",
        snapshots=(500, *range(1_000, 5_001, 1_000)),
        expected="fd_efficientnet_lite0 = 18.9, fd_judge = 0.803, accuracy_judge = 0.836 (fashion-mnist-embedded-2k)",
    ),
    "maskgit-fashion-mnist": Recipe(
        make_writer, "fashion-mnist:train", Schedule(steps=5_000, rate=1e-3, betas=(0.9, 0.99)), family="maskgit",
        arguments={"n_classes": 10}, after="tokenizer-fashion-mnist",
        snapshots=(500, *range(1_000, 5_001, 1_000)),
        expected="fd_efficientnet_lite0 = 27.7, fd_judge = 1.1, accuracy_judge = 0.894 (fashion-mnist-embedded-2k)",
    ),
    # Colour at 64x64 from few images, which the critic sees changed at random.
    "r3gan-emoji": Recipe(
        make_gan, "emoji:train", Schedule(steps=3_000, rate=8e-4, betas=(0.0, 0.99)), family="r3gan",
        arguments={"n_classes": 9, "widths": [384, 128, 64, 32], "channels": 3},
        settings={"loss": "relativistic", "r1": 1.0, "r2": 1.0, "penalty_every": 4,
                  "augment": "color,translation,cutout"},
        snapshots=(500, *range(1_000, 3_001, 1_000)),
        expected="fd_efficientnet_lite0 = 154 (emoji-embedded-650)",
    ),
    # A negative control: one number cannot carry the variety of clothes, so it draws a handful of them.
    "collapsed-fashion-mnist": Recipe(
        make_gan, "fashion-mnist:train", Schedule(steps=3_000, rate=5e-4, ema=0.99), family="dcgan",
        arguments={"z_dim": 1, "width": 32, "resolution": 32, "channels": 1}, snapshots=(500, 1_000, 2_000, 3_000),
        expected="fd_efficientnet_lite0 = 178, fd_judge = 12.9 (fashion-mnist-embedded-2k)",
    ),
    "judge-fashion-mnist": Recipe(
        make_judge, "fashion-mnist:train", Schedule(steps=4_000, batch=128, rate=3e-3), ships="classifier",
        first=10_000, snapshots=(4_000,), expected="93.76 % of fashion-mnist:test",
    ),
}
