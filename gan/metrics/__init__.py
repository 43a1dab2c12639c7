"""METRICS: what can be measured.  A metric is a function of arrays; it knows no generator and no data set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ganbench.gan.metrics import (
    classification,
    diversity,
    extrapolation,
    frechet,
    inception_score,
    kernel,
    likelihood,
    manifold,
    memorisation,
    neighbours,
)
from ganbench.gan.types import Estimate


@dataclass(frozen=True)
class Metric:
    """One row of METRICS.

    `needs` names arguments of `compute` that the caller supplies, all of them arrays or values of:
    real_statistics, generated_statistics (Statistics), generated_chunks ((rows, d) float32 each),
    real_root (`frechet.matrix_root`), real_features, generated_features ((n, d) float32),
    real_self_similarity (`kernel.mean_self_similarity`), overlap (`neighbours.overlap`),
    generated_logits ((n, classes) float32), generated_labels ((n,) int64: the classes that were asked for); of
    its training images, training_features and training_neighbours (`neighbours.nearest`); of real images that it
    has not seen, test_features; and the nearest training image of every generated and test image, training_matches
    and test_matches (`neighbours.nearest_across`).
    What remains of its arguments are settings; a convention fixes them.  Names that stand for one network (FID, KID,
    IS) are the convention's to give.
    """

    name: str
    title: str
    compute: Callable[..., Estimate]
    needs: tuple[str, ...]
    least: Callable[..., int]   # d and settings -> the fewest images, generated and real, that it takes
    lower_is_better: bool
    what: str           # one line for people
    paper: str
    view: str = "features"      # the array of the extractor that it looks at
    known_as: str = ""          # with the 2015 Inception network and its published weights, if not by `name`
    bounds: tuple[float, float] = (-math.inf, math.inf)     # values that it can take
    of_judges: bool = False     # of a classifier of the very classes that the images have
    decides: bool = True        # whether a better value makes a better model; a model that is far off copies nothing
    spare: bool = True          # left out, and said so, where images are too few; else the evaluation is refused


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
            what="fd less its bias, so that models measured on unequal numbers of images compare; it may fall below 0",
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
            what="fd on a spatial layer, sensitive to the layout of the image",
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
            what="squared MMD with a cubic kernel on the features; unbiased, so it may fall below 0",
            paper="Binkowski et al. 2018, arXiv:1801.01401",
            spare=False,
        ),
        Metric(
            name="cmmd",
            title="Kernel distance of directions",
            compute=kernel.cmmd,
            needs=("real_features", "generated_features"),
            least=lambda **_: 4,
            lower_is_better=True,
            what="squared MMD, times 1,000, with a Gaussian kernel on features of length 1; meant for CLIP's",
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
            what="confidence and variety of a classifier's predictions, from 1 to the number of classes",
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
            what="share of generated images as near to a real one as its third-nearest real neighbour",
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
            what="share of real images as near to a generated one as its third-nearest generated neighbour",
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
            what="mean number of real 5-neighbourhoods that hold a generated image; 1 if distributions agree",
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
            what="share of real images with a generated one within the distance of their fifth-nearest real neighbour",
            paper="Naeem et al. 2020, arXiv:2002.09797",
            bounds=SHARE,
        ),
        Metric(
            name="realism",
            title="Realism",
            compute=manifold.realism,
            needs=("overlap",),
            least=lambda **_: neighbours.NEAREST + 1,
            lower_is_better=False,
            what="how deep inside the real images the median generated one lies; 1 is at the border",
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
            what="effective number of different images: from 1 to n",
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
            what="how far two generated images are apart on average: 1 less the cosine of their features",
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
            what="share of generated images that are nearer to each other than real ones come, at a false-discovery "
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
            what="share of generated images farther from their nearest training image than that is from others; 0 for "
            "copies, for unseen real images what these have",
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
            what="share of generated images nearer to a training image than unseen real ones come, at a "
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
            what="are generated images nearer to the training set than unseen real ones? far below 0: copied; far "
            "above: farther than real ones",
            paper="Meehan et al. 2020, arXiv:2004.05675",
        ),
        Metric(
            name="mifid",
            title="Memorisation-informed FID",
            compute=memorisation.mifid,
            needs=(*FRECHET, "training_features"),
            least=lambda **_: 4,
            lower_is_better=True,
            what="fd, raised where the mean distance to the nearest training image is below a threshold (torchmetrics "
            "takes that mean over the training images)",
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
            what="how improbable unseen real images are under a density on the generated ones; copies cost",
            paper="Jiralerspong et al. 2023, arXiv:2302.04440",
        ),
        Metric(
            name="fld_precision",
            title="Precision part of FLD",
            compute=likelihood.fld_precision,
            needs=SPLIT,
            least=lambda **_: 100,
            lower_is_better=True,
            what="how improbable generated images are under a density on unseen real images",
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
            what="how much better the density on generated images fits unseen than training images; < 0: memorised",
            paper="Jiralerspong et al. 2023, arXiv:2302.04440",
        ),
        Metric(
            name="accuracy",
            title="Conditional accuracy",
            compute=classification.accuracy,
            needs=("generated_logits", "generated_labels"),
            least=lambda **_: 1,
            lower_is_better=False,
            what="share of images that the judge takes for the class that was asked for; of conditional models",
            paper="Ravuri & Vinyals 2019, arXiv:1905.10887",
            of_judges=True,
            bounds=SHARE,
        ),
    )
}
