"""METRICS: what can be measured.  A metric is a function of arrays; it knows no generator and no data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gan.metrics import frechet, inception_score, kernel
from gan.types import Estimate


@dataclass(frozen=True)
class Metric:
    """One row of METRICS.

    `needs` names arguments of `compute` that the caller supplies, all of them arrays or values of:
    real_statistics, generated_statistics (Statistics), generated_chunks ((rows, d) float32 each),
    real_root (`frechet.matrix_root`), real_features, generated_features ((n, d) float32),
    real_self_similarity (`kernel.mean_self_similarity`), generated_logits ((n, classes) float32).
    What remains of its arguments are settings; a convention fixes them.  Names that stand for one network (FID, KID,
    IS) are the convention's to give.
    """

    name: str
    title: str
    compute: Callable[..., Estimate]
    needs: tuple[str, ...]
    least: Callable[..., int]   # settings -> the fewest images, generated and real, with which it can be computed
    lower_is_better: bool
    what: str           # one line for people
    paper: str


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            name="fd",
            title="Fréchet distance",
            compute=frechet.frechet,
            needs=("real_statistics", "generated_statistics", "generated_chunks", "real_root"),
            least=lambda: 4,
            lower_is_better=True,
            what="distance between two Gaussians fitted to the features; biased upwards when n is small",
            paper="Heusel et al. 2017, arXiv:1706.08500",
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
        ),
        Metric(
            name="is",
            title="Inception Score",
            compute=inception_score.inception_score,
            needs=("generated_logits",),
            least=lambda splits=1, **_: splits,
            lower_is_better=False,
            what="how sure and how varied a classifier's predictions are, from 1 to the number of classes",
            paper="Salimans et al. 2016, arXiv:1606.03498",
        ),
    )
}
