"""METRICS: what can be measured.  A metric is a function of arrays, independent of generators and data sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ganbench.gan.metrics import (
    classification,
    clipped,
    diversity,
    extrapolation,
    frechet,
    inception_score,
    kernel,
    likelihood,
    manifold,
    memorisation,
    neighbours,
    path_length,
)
from ganbench.gan.types import Estimate


@dataclass(frozen=True)
class Metric:
    """One row of METRICS.

    `needs` names the arguments of `compute` that the caller supplies:
    real_statistics, generated_statistics (Statistics), generated_chunks ((rows, d) float32 each),
    real_root (`frechet.matrix_root`), real_features, generated_features ((n, d) float32),
    real_self_similarity (`kernel.mean_self_similarity`), overlap (`neighbours.overlap`),
    generated_logits ((n, classes) float32), generated_labels ((n,) int64: the requested classes);
    training_features and training_neighbours (`neighbours.nearest`) of the model's training images; test_features of
    real images outside the training set; training_matches and test_matches (`neighbours.nearest_across`), the nearest
    training image of every generated and every test image; paths and w_paths ((n,) float64): squared distances of
    features over epsilon^2 of small steps between latents, in the space of the model's draws and in W.
    The other arguments are settings, which a convention fixes.  FID, KID and IS are names of scores made with one
    particular network; see `known_as`.
    """

    name: str
    title: str
    compute: Callable[..., Estimate]
    needs: tuple[str, ...]
    least: Callable[..., int]   # d and settings -> the least number of images, generated and real
    lower_is_better: bool
    what: str           # one line of description
    paper: str
    view: str = "features"      # which array of the extractor is its input
    known_as: str = ""          # its name with the 2015 Inception network and its published weights, if not `name`
    bounds: tuple[float, float] = (-math.inf, math.inf)     # the range of its values
    of_judges: bool = False     # needs a classifier of the images' own classes
    decides: bool = True        # whether a better value makes a better model (a poor model copies nothing)
    spare: bool = True          # where images are too few: True leaves it out with a caveat, False is an error


FRECHET = ("real_statistics", "generated_statistics", "generated_chunks", "real_root")
NOT_NEGATIVE, SHARE = (0.0, math.inf), (0.0, 1.0)
SPLIT = ("training_features", "test_features", "generated_features")

METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            name="fd",
            title="Fréchet distance",
            compute=frechet.frechet,
            needs=FRECHET,
            least=lambda **_: 4,
            lower_is_better=True,
            what="distance between two Gaussians fitted to the features; biased upwards when n is small",
            paper="Heusel et al. 2017, arXiv:1706.08500",
            known_as="fid",
            spare=False,
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="fd_infinity",
            title="Fréchet distance of infinitely many images",
            compute=extrapolation.fd_infinity,
            needs=FRECHET,
            least=lambda d=0, points=0, **_: 4 if points else math.ceil(extrapolation.ENOUGH * d),
            lower_is_better=True,
            what="fd corrected for its bias, so that models measured on different numbers of images can be compared; "
            "may be negative",
            paper="Chong & Forsyth 2020, arXiv:1911.07023; Tiomoko & Couillet 2019, arXiv:1903.03447",
            known_as="fid_infinity",
        ),
        Metric(
            name="sfd",
            title="Spatial Fréchet distance",
            compute=frechet.frechet,
            needs=FRECHET,
            least=lambda **_: 4,
            lower_is_better=True,
            what="fd on a spatial layer, sensitive to the composition of the image",
            paper="Nash et al. 2021, arXiv:2103.03841",
            view="spatial",
            known_as="sfid",
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="kid",
            title="Kernel distance",
            compute=kernel.kid,
            needs=("real_features", "generated_features", "real_self_similarity"),
            least=lambda subsets=0, subset_size=1_000, **_: subset_size if subsets else 4,
            lower_is_better=True,
            what="squared MMD with a cubic kernel on the features; unbiased, so it may be negative",
            paper="Binkowski et al. 2018, arXiv:1801.01401",
            spare=False,
        ),
        Metric(
            name="cmmd",
            title="Kernel distance of normalised features",
            compute=kernel.cmmd,
            needs=("real_features", "generated_features"),
            least=lambda **_: 4,
            lower_is_better=True,
            what="squared MMD, times 1,000, with a Gaussian kernel on features of norm 1; intended for CLIP",
            paper="Jayasumana et al. 2024, arXiv:2401.09603",
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="is",
            title="Inception Score",
            compute=inception_score.inception_score,
            needs=("generated_logits",),
            least=lambda splits=1, **_: splits,
            lower_is_better=False,
            what="confidence and diversity of a classifier's predictions, from 1 to the number of classes",
            paper="Salimans et al. 2016, arXiv:1606.03498",
            spare=False,
            bounds=(1.0, math.inf),
        ),
        Metric(
            name="precision",
            title="Precision",
            compute=manifold.precision,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="share of generated images at least as near to a real image as its third-nearest real neighbour",
            paper="Kynkäänniemi et al. 2019, arXiv:1904.06991",
            bounds=SHARE,
        ),
        Metric(
            name="recall",
            title="Recall",
            compute=manifold.recall,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="share of real images at least as near to a generated image as its third-nearest generated neighbour",
            paper="Kynkäänniemi et al. 2019, arXiv:1904.06991",
            bounds=SHARE,
        ),
        Metric(
            name="density",
            title="Density",
            compute=manifold.density,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="mean number of real images' neighbourhoods (radius: fifth-nearest real neighbour) that contain a "
            "generated image, over 5; 1 if the distributions are equal",
            paper="Naeem et al. 2020, arXiv:2002.09797",
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="coverage",
            title="Coverage",
            compute=manifold.coverage,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="share of real images with a generated image at least as near as their fifth-nearest real neighbour",
            paper="Naeem et al. 2020, arXiv:2002.09797",
            bounds=SHARE,
        ),
        Metric(
            name="clipped_density",
            title="Clipped density",
            compute=clipped.clipped_density,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="density that outliers cannot lift: 1 for good images, .7 when 30 % of them are replaced by bad ones",
            paper="Salvy, Talbot & Thirion 2025, arXiv:2507.01761",
            bounds=SHARE,
        ),
        Metric(
            name="clipped_coverage",
            title="Clipped coverage",
            compute=clipped.clipped_coverage,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="coverage on the same scale: 1 for good images, .7 when 30 % of them are replaced by bad ones",
            paper="Salvy, Talbot & Thirion 2025, arXiv:2507.01761",
            bounds=SHARE,
        ),
        Metric(
            name="realism",
            title="Realism",
            compute=manifold.realism,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="realism of the median generated image: above 1 it lies inside the estimated support of the real "
            "images, below 1 outside",
            paper="Kynkäänniemi et al. 2019, arXiv:1904.06991, section 5",
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="vendi",
            title="Vendi score",
            compute=diversity.vendi,
            needs=("generated_features",),
            least=lambda **_: 4,
            lower_is_better=False,
            what="effective number of different images, from 1 to n",
            paper="Friedman & Dieng 2023, arXiv:2210.02410",
            bounds=(1.0, math.inf),
        ),
        Metric(
            name="diversity",
            title="Mean pairwise distance",
            compute=diversity.diversity,
            needs=("generated_features",),
            least=lambda **_: 4,
            lower_is_better=False,
            what="mean distance between two generated images: 1 minus the cosine of their features",
            paper="Benhenda 2017, arXiv:1708.08227",
            bounds=(0.0, 2.0),
        ),
        Metric(
            name="duplicates",
            title="Duplicates",
            compute=memorisation.duplicates,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=True,
            what="share of generated images that are nearer to each other than real images are, at a false-discovery "
            "rate of 5 %",
            paper="Bates et al. 2021, arXiv:2104.08279, on nearest distances",
            bounds=SHARE,
        ),
        Metric(
            name="authpct",
            title="Authenticity, %",
            compute=memorisation.authpct,
            needs=("training_matches", "training_neighbours"),
            least=lambda **_: 4,
            decides=False,
            lower_is_better=False,
            what="per cent of generated images farther from their nearest training image than that image is from its "
            "nearest neighbour; 0 for copies; unseen real images show what to expect",
            paper="Alaa et al. 2022, arXiv:2102.08921",
            bounds=(0.0, 100.0),
        ),
        Metric(
            name="copies",
            title="Copies of training images",
            compute=memorisation.copies,
            needs=("training_matches", "test_matches"),
            least=lambda **_: 4,
            lower_is_better=True,
            what="share of generated images nearer to a training image than unseen real images are, at a "
            "false-discovery rate of 5 %",
            paper="Bates et al. 2021, arXiv:2104.08279, on nearest distances",
            bounds=SHARE,
        ),
        Metric(
            name="ct",
            title="C_T",
            compute=memorisation.c_t,
            needs=SPLIT,
            least=lambda **_: 100,
            decides=False,
            lower_is_better=False,
            what="distances to the training images, compared with those of unseen real images; far below 0: the "
            "generated images are nearer (copies); far above 0: farther",
            paper="Meehan et al. 2020, arXiv:2004.05675",
        ),
        Metric(
            name="mifid",
            title="Memorisation-informed FID",
            compute=memorisation.mifid,
            needs=(*FRECHET, "training_features"),
            least=lambda **_: 4,
            lower_is_better=True,
            what="fd, increased where the mean distance to the nearest training image is below a threshold "
            "(torchmetrics takes that mean over the training images)",
            paper="Bai et al. 2021, arXiv:2106.03062",
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="fld",
            title="Feature likelihood divergence",
            compute=likelihood.fld,
            needs=SPLIT,
            least=lambda **_: 100,
            lower_is_better=True,
            what="negative log-likelihood of unseen real images under a density fitted to the generated images, minus "
            "that under a density fitted to real images; copies increase it",
            paper="Jiralerspong et al. 2023, arXiv:2302.04440",
        ),
        Metric(
            name="fld_precision",
            title="Precision part of FLD",
            compute=likelihood.fld_precision,
            needs=SPLIT,
            least=lambda **_: 100,
            lower_is_better=True,
            what="negative log-likelihood of generated images under a density fitted to unseen real images, minus that "
            "of training images",
            paper="Jiralerspong et al. 2023, arXiv:2302.04440",
        ),
        Metric(
            name="fld_gap",
            title="Generalisation gap of FLD",
            compute=likelihood.fld_gap,
            needs=SPLIT,
            least=lambda **_: 100,
            decides=False,
            lower_is_better=False,
            what="negative log-likelihood of training images minus that of unseen images, under the density fitted to "
            "the generated images; negative: memorisation",
            paper="Jiralerspong et al. 2023, arXiv:2302.04440",
        ),
        Metric(
            name="accuracy",
            title="Conditional accuracy",
            compute=classification.accuracy,
            needs=("generated_logits", "generated_labels"),
            least=lambda **_: 1,
            lower_is_better=False,
            what="share of images that the judge (a classifier) assigns to the requested class; for conditional models",
            paper="Ravuri & Vinyals 2019, arXiv:1905.10887",
            of_judges=True,
            bounds=SHARE,
        ),
        Metric(
            name="ppl",
            title="Perceptual path length",
            compute=path_length.ppl,
            needs=("paths",),
            least=lambda **_: 4,
            decides=False,
            lower_is_better=True,
            what="squared distance, in features instead of LPIPS, between the ends of a small step from an image's "
            "latent towards another, over the square of the step; lower is smoother, and 0 is a model that ignores its "
            "latents",
            paper="Karras et al. 2019, arXiv:1812.04948, section 4.1",
            known_as="ppl_inception",
            bounds=NOT_NEGATIVE,
        ),
        Metric(
            name="ppl_w",
            title="Perceptual path length in W",
            compute=path_length.ppl_w,
            needs=("w_paths",),
            least=lambda **_: 4,
            decides=False,
            lower_is_better=True,
            what="ppl along straight lines through W, as since StyleGAN2 (ppl2_wend); for models that have this space",
            paper="Karras et al. 2020, arXiv:1912.04958, section 3",
            known_as="ppl_w_inception",
            bounds=NOT_NEGATIVE,
        ),
    )
}
