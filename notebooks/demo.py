# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # I have trained a GAN: what now?
#
# A training has ended and left a file of weights. Are the images good, and how sure is that? Would another kind of
# model have done better? What went wrong while it learnt, what lies in its latent space, and what is it good for?
#
# This notebook answers these questions with [ganbench](../README.md), from a checkpoint to a verdict, for somebody who
# has never used it. It needs no network, no GPU and no server: the example data and models travel with the package.
# On two cores it takes a minute or two; a second time most of it is found in `~/.ganbench`.
#
# Every result is a picture or a table that you can read here without running anything. The sliders of chapter 6 need a
# kernel; beside them stands what they show.

# %%
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

import ganbench
from ganbench import ModelSpec, Question, compare, evaluate, explore, open_data, sample, sheet
from ganbench.gan.images import write_folder, write_npz
from ganbench.gan.models.names import ZOO
from ganbench.gan.models.toml_file import write_spec

os.chdir(tempfile.mkdtemp(prefix="ganbench-demo-"))      # the files of this notebook go to a folder of their own

# %% [markdown]
# ## 1. A checkpoint, and real images
#
# You bring two things: the weights that `torch.save` wrote, and images to compare with. The next cell makes stand-ins
# for both: a DCGAN after a few minutes of training on Fashion-MNIST, saved as a training script saves it, and two sets of
# real garments. Yours may be a folder of images, an `.npz` or a Parquet file; then leave this cell out.

# %%
weights = load_file(ZOO / "dcgan-fashion-mnist-early.safetensors")
torch.save({"epoch": 2, "netG": {f"module.{name}": value for name, value in weights.items()}}, "netG.pth")

garments, others = open_data("fashion-mnist:test"), open_data("fashion-mnist:train10k")
write_npz(Path("real.npz"), garments.read(range(800)), garments.labels[:800].tolist(), garments.classes)
write_npz(Path("held-out.npz"), others.read(range(400)), others.labels[:400].tolist(), others.classes)

# %% [markdown]
# A `ModelSpec` says what the file is. For an architecture that ganbench knows the family is enough: sizes are read off
# the weights, the prefix of `DataParallel` is taken off, and nothing in the file is run. For your own code say
# `factory="mymodel:Generator"` and `latent_shape=(100,)` instead. If you do not know what is in a file, ask
# `ganbench inspect FILE`.

# %%
mine = ModelSpec("mine", family="dcgan", weights="netG.pth", weights_key="netG")

# %% [markdown]
# ## 2. Look at it first
#
# `sample` gives images as an array, (n, channels, height, width) of uint8; `sheet` lays any such array out. Image 7 of
# seed 0 is the same image whatever the batch size and the machine, so a picture that you talk about can be found again.

# %%
sheet(sample(mine, 24), 12, side=64)

# %% [markdown]
# And 24 real ones. Those above are recognisable, and torn.

# %%
sheet(garments.read(range(24)), 12, side=64)

# %% [markdown]
# ## 3. How good is it, and how sure is that?
#
# `evaluate` draws images, turns them and the real ones into features of a network, and compares the two clouds. 400
# images are few; the table says what that means instead of hiding it:
#
# - **± SE** is the standard error: how much the number would move if the model drew another 400 images.
# - **real images** is the floor: the same number for 400 real images that are not in the reference. A perfect model
#   would get that, and not 0.
# - **KID leads** here. The Fréchet distance (FD) is biased upwards for so few images, by more than its error, and a note
#   below the table says so.

# %%
question = Question(reference="real.npz", held_out="held-out.npz", n=400, metrics="kid,fd,is,precision,recall")
scores = evaluate(mine, question)
scores

# %% [markdown]
# The result is a list, so that a program can go on with it. Here the same model is measured with 100, 200 and 400 images
# (which are not drawn again: the first 100 of the 400 are those of before). FD falls although the model is the same, so
# never compare FDs of unlike n. KID stays where it is, and its error shrinks.

# %%
for n in (100, 200, 400):
    found = {score.row: score for score in evaluate(mine, question, n=n)}
    print(f"{n:4} images:  FD {found['fd'].value:6.1f} ± {found['fd'].se:3.1f} (real images {found['fd'].floor:5.1f})"
          f"    KID {found['kid'].value:.4f} ± {found['kid'].se:.4f}")

# %% [markdown]
# ## 4. Would another kind of model do better?
#
# The same question to four models at once: yours, the same recipe after an hour, a flow model and a transformer over
# tokens. A star stands where no other model is significantly better; models that chance may have ordered share a rank.

# %%
rivals = ["zoo:dcgan-fashion-mnist", "zoo:flow-fashion-mnist", "zoo:gpt-fashion-mnist"]
found = compare([mine, *rivals], question)
found

# %% [markdown]
# Numbers do not say everything. Eight images of each, one model in each row, in the order above:

# %%
order = {"mine": mine, **{name.removeprefix("zoo:"): name for name in rivals}}
rows = [sample(order[name], 8) for name in found.table.columns]
sheet(np.concatenate(rows), 8, [name.partition("-")[0] for name in found.table.columns for _ in range(8)])

# %% [markdown]
# ## 5. What happened while it learnt?
#
# `curves` reads the log of any training (TensorBoard, CSV, JSON lines, StyleGAN, Lightning, W&B, ...), and looks for
# what usually goes wrong. This log is that of the good DCGAN; grey is the band of other healthy runs.

# %%
ganbench.curves(ZOO / "dcgan-fashion-mnist.csv", recipe="dcgan-fashion-mnist")

# %% [markdown]
# And this is a run that failed, though its losses look like those above. That it has collapsed is seen only since images
# were measured while it learnt: a loss of a GAN does not say how good the images are.

# %%
Path("collapsed").mkdir()
shutil.copy(ZOO / "collapsed-fashion-mnist.csv", "collapsed/loss.csv")
shutil.copy(ZOO / "collapsed-fashion-mnist-quality.csv", "collapsed/quality.csv")
ganbench.curves("collapsed")

# %% [markdown]
# ## 6. What lies in its latent space?
#
# `explore(mine)` would show that of your DCGAN; the StyleGAN2 of the zoo has more to turn. Move the sliders: seed,
# truncation (towards the mean of the latents: tidier images, less variety), class, a direction and how far to go along
# it. Directions are principal components of the latents (GANSpace, `pca`), or come from the network's weights (SeFa).
# Below the sliders stands a line such as `seed=5,pca1=2`: `ganbench explore MODEL --at` draws the same picture again.

# %%
panel = explore("zoo:stylegan2-fashion-mnist", "seed=5")
panel

# %% [markdown]
# The same without sliders. Truncation from the mean of all garments outwards, then two directions from one image:

# %%
panel.row("truncation", [0, 0.25, 0.5, 0.75, 1, 1.25], at="seed=5")

# %%
panel.row("pca1", [-3, -2, -1, 0, 1, 2, 3], at="seed=5,truncation=0.7")

# %%
panel.row("pca2", [-3, -2, -1, 0, 1, 2, 3], at="seed=5,truncation=0.7")

# %% [markdown]
# This model knows classes. One latent, asked for each of the ten:

# %%
panel.row("class", range(10), at="seed=5,truncation=0.7", columns=5)

# %% [markdown]
# ## 7. From one image to another
#
# A film through four images. Equal steps in the latent space are uneven to the eye, so that frames are put at equal
# distances in the features of a network; the table says how even that is, by another measure, beside other paths.

# %%
ganbench.interpolate("zoo:stylegan2-fashion-mnist", "film.gif", seeds="5,3,21,40", frames=24, loop=True, fps=12)

# %% [markdown]
# ## 8. Repair an image
#
# A hole of 12 x 12 pixels in three real garments that no model has seen. The flow model fills it by DDRM, three times
# with other noise; beside it stands a classical method (total variation), which any model has to beat. Where the rest of
# the garment decides what was in the hole, the three answers agree; where it does not, as in the shoe, they differ, and
# the map of their *spread* is white. An answer that is pretty but contradicts the known pixels would be marked in red.

# %%
write_folder(garments.read([1000, 1002, 1005]), Path("garments"))
ganbench.restore("garments", "restored.png", "zoo:flow-fashion-mnist", damage="inpaint:box=12", n=3, method="ddrm,tv")

# %% [markdown]
# ## 9. Do its images help a classifier?
#
# "More data" is what generators are often trained for. Here a classifier learns from ten real images of each class,
# alone, with synthetic ones, and with as many more real ones (the oracle, without which nobody could tell whether the
# task has room for more images). Two seeds and a minute of training are too little to decide, and the first sentence
# says that; `ganbench augment` does the whole experiment.

# %%
ganbench.augment("zoo:stylegan2-fashion-mnist", data="real.npz", per_class=10, seeds=2, factors="4", steps=100,
                 arms="none", leave_out=True)

# %% [markdown]
# ## 10. Several models as one
#
# `compare` has also looked for the mixture of the four models that lies nearest to the real images, chosen on half of the
# images and tested on the other half. The second sentence of chapter 4 says whether it is significantly better than the
# best model alone; with 400 images each it rarely is. The mixture is a model that is measured like any other:

# %%
mixture = found.ensemble()
print(dict(zip(mixture.arguments["models"], mixture.arguments["shares"], strict=True)))
evaluate(mixture, question)

# %% [markdown]
# ## 11. Hand it on
#
# `publish` writes what others need: the weights as safetensors, which load in two lines, a model card with every score,
# its interval and its protocol, what the model does badly, a page of its latent space, sums to check. Nothing is sent: you
# look at the folder first, and `ganbench publish push` refuses where a licence is missing, or a token or a path of your
# machine is in a file.

# %%
Path("mine.toml").write_text(write_spec(mine), "utf-8")
ganbench.publish("mine.toml", "published", question, author=["Doe, Jane"])

# %% [markdown]
# ## Where to go from here
#
# | with your own model | |
# |---|---|
# | `ganbench evaluate netG.pth --family dcgan --reference FOLDER --n 10000` | chapter 3, with enough images for FD |
# | `ganbench compare netG.toml zoo:... --report report` | chapter 4, with a page: findings, galleries, costs, a blind test |
# | `ganbench baselines --data FOLDER --budget 1h --against netG.toml` | train rivals on *your* images |
# | `ganbench explore netG.toml` | chapter 6 in the browser |
# | `ganbench study netG.pth --family dcgan --data FOLDER --budget 1h` | all of this in one command and on one page |
# | `ganbench nightly SUITE` | all of it every night, with a gate |
#
# Everything above is a function of `ganbench`; [the API](../docs/api.md) lists them.
