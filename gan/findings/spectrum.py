"""Blur, noise and checkerboard artefacts: the azimuthally averaged power spectrum, and peaks in the Fourier transform.

GANs miss high frequencies or have too much of them (Durall et al. 2020, arXiv:2003.01826; Dzanic et al. 2020,
arXiv:1911.06465), and upsampling leaves checkerboard artefacts with periods of 2, 4 or 8 pixels (Odena et al. 2016,
doi:10.23915/distill.00003; Zhang et al. 2019, arXiv:1907.06515).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from ganbench.gan.findings.pixels import CHECKERBOARDS, FAINT, FAR, ImageStatistics
from ganbench.gan.findings.rules import Test
from ganbench.gan.findings.stratification import Strata, gap
from ganbench.gan.types import Finding

SOFT, VERY_SOFT = 0.7, 3.0      # difference of high-frequency power in dB: reported, and an alert
VISIBLE, STRONG = 0.4, 6.0      # amplitude of a checkerboard in grey levels: reported, and an alert
FAINTEST = 2.0                  # grey levels: upper limit of the amplitude where no checkerboard is reported
PEAK = 3.0                      # least ratio of the peak's difference to that of any frequency around it: same phase,
PEAK_EACH = 1.5                 # and image by image.  Any pattern that all images share has such peaks by chance
PEAK_DB = 2.0                   # the same in dB for single images, against real images
OWN_DB = 1.5                    # and by themselves: smooth noise has all frequencies, real images have few

RealSet = tuple[ImageStatistics, Strata]    # one set of real images, and its slices with those of the generated images


@dataclass(frozen=True)
class Spectrum:
    """Mean power of the images in rings of frequencies, and its standard error."""

    frequency: list[float]      # cycles per pixel
    generated: list[float]      # squared grey levels
    generated_se: list[float]
    real: list[float]
    real_se: list[float]


def spectrum(generated: ImageStatistics, real: ImageStatistics) -> Spectrum:
    def mean(power: np.ndarray) -> list[float]:
        return power.mean(axis=0).tolist()

    def error(power: np.ndarray) -> list[float]:
        return (power.std(axis=0, ddof=1) / np.sqrt(len(power))).tolist()

    return Spectrum(generated.frequency.tolist(), mean(generated.power), error(generated.power), mean(real.power),
                    error(real.power))


def sharpness(generated: ImageStatistics, real: Sequence[RealSet]) -> tuple[float, float, float]:
    """The difference of high-frequency power in dB, its standard error and p-value; the weakest evidence over the sets
    of real images."""
    gaps = [gap(generated.values["sharpness"][:, None], theirs.values["sharpness"][:, None], strata)
            for theirs, strata in real]
    return weakest([(float(one.value[0]), float(one.se[0]), float(one.p()[0])) for one in gaps])


def weakest(tests: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """(value, error, p) against several sets of real images -> the weakest evidence: the smallest effect and the
    largest p; value 0 and p = 1 where the signs differ."""
    smallest = min(tests, key=lambda test: abs(test[0]))
    if len({np.sign(value) for value, _, _ in tests}) > 1:
        return 0.0, smallest[1], 1.0
    return smallest[0], smallest[1], max(p for _, _, p in tests)


def sharpness_test(generated: ImageStatistics, real: Sequence[RealSet]) -> Test:
    decibels, error, p = sharpness(generated, real)
    facts = {"decibels": decibels, "se": error, "share": 10 ** (decibels / 10)}
    severity = "alert" if abs(decibels) >= VERY_SOFT else "warning"
    return Test(Finding(severity, "blurred" if decibels < 0 else "noisy", facts, p, "spectrum"), p,
                abs(decibels) >= SOFT)


def checkerboard_tests(generated: ImageStatistics, real: Sequence[RealSet], blurred: bool) -> list[Test]:
    """The strongest first; each combines two tests of one period and direction: a pattern with the same phase in all
    images, and a pattern whose phase differs between images.  Where images are blurred, a pattern that all real images
    have is weaker, and that is not an artefact."""
    if not generated.waves.shape[1]:
        return []
    found = [_checkerboard(i, generated, real, blurred) for i in range(len(CHECKERBOARDS))]
    found.sort(key=lambda test: -test.finding.facts["amplitude"])
    return found


def checkerboards_at_most(generated: ImageStatistics, real: Sequence[RealSet]) -> float | None:
    """The largest amplitude in grey levels that checkerboards in step may have, errors included; None where those of
    single images may be there, or nobody can tell."""
    if not generated.waves.shape[1]:
        return None
    most = 0.0
    for i, one in enumerate(CHECKERBOARDS):
        for theirs, strata in real:
            wave, over = (gap(*pair, strata) for pair in
                          ((generated.waves[:, [i]], theirs.waves[:, [i]]), (_over(generated, i), _over(theirs, i))))
            if over.value[0] + 2 * over.se[0] > PEAK_DB:
                return None
            amplitude = float(np.abs(wave.value[0]) + 2 * wave.se[0])
            most = max(most, amplitude * (1 if one.period == 2 else 2))
    return most


def _checkerboard(i: int, generated: ImageStatistics, real: Sequence[RealSet], blurred: bool) -> Test:
    each = [_against(i, generated, theirs, strata, blurred) for theirs, strata in real]
    amplitude, p, stands_out = min(a for a, _, _ in each), max(p for _, p, _ in each), all(out for _, _, out in each)
    one = CHECKERBOARDS[i]
    facts = {"period": one.period, "direction": one.direction, "amplitude": amplitude}
    severity = "alert" if amplitude >= STRONG else "warning"
    return Test(Finding(severity, "lattice", facts, p, "spectrum"), p, stands_out and amplitude >= VISIBLE)


def _against(
    i: int, generated: ImageStatistics, real: ImageStatistics, strata: Strata, blurred: bool
) -> tuple[float, float, bool]:
    """The amplitude in grey levels, p, and whether it is a peak, and not a difference of all frequencies around it."""
    in_step, together = _in_step(i, generated, real, strata)
    together = together and not (blurred and _weaker(i, generated, real, strata))
    of_each, alone = _of_each(i, generated, real, strata)
    waves = 1 if CHECKERBOARDS[i].period == 2 else 2             # a wave and its conjugate
    amplitude = max(in_step[0] if together else 0.0, of_each[0] if alone else 0.0) * waves
    p = min([test[1] for test, good in ((in_step, together), (of_each, alone)) if good], default=1.0)
    return amplitude, min(1.0, 2 * p), together or alone


def _in_step(
    i: int, generated: ImageStatistics, real: ImageStatistics, strata: Strata
) -> tuple[tuple[float, float], bool]:
    """The difference of the mean amplitude: the same checkerboard, with the same phase, in all images."""
    wave = gap(generated.waves[:, [i]], real.waves[:, [i]], strata)
    around = gap(generated.around[:, i], real.around[:, i], strata)
    size = float(np.abs(wave.value[0]))
    freedom = 1 if CHECKERBOARDS[i].period == 2 else 2
    error = wave.se[0] * (np.sqrt(2) if freedom == 1 else 1)            # a real number has all of the variance
    p = float(chi2.sf((size / error) ** 2, freedom)) if error > 0 else 1.0
    return (size, p), size >= PEAK * float(np.abs(around.value).max())


def _weaker(i: int, generated: ImageStatistics, real: ImageStatistics, strata: Strata) -> bool:
    """Whether the mean amplitude of the generated images is smaller than that of the real images."""
    a, b = strata.weights()
    return bool(abs(a @ generated.waves[:, i]) < abs(b @ real.waves[:, i]))


def _of_each(
    i: int, generated: ImageStatistics, real: ImageStatistics, strata: Strata
) -> tuple[tuple[float, float], bool]:
    """The peak relative to the frequencies around it, in dB, image by image: checkerboards of different phases."""
    over = gap(_over(generated, i), _over(real, i), strata)
    power = gap(_power(generated, i), _power(real, i), strata)
    beside = gap(_beside(generated, i), _beside(real, i), strata).value.max()
    size = float(np.sqrt(max(power.value[0], 0)))
    stands_out = over.value[0] >= PEAK_DB and power.value[0] > max(PEAK_EACH**2 * beside, 0)
    return (size, float(over.p()[0])), bool(stands_out and _over(generated, i).mean() >= OWN_DB)


def _beside(found: ImageStatistics, i: int) -> np.ndarray:
    return np.abs(_own(found.around[:, i, :FAR])) ** 2


def _own(waves: np.ndarray) -> np.ndarray:
    """Less what all images share: that is in step."""
    return waves - waves.mean(axis=0)


def _power(found: ImageStatistics, i: int) -> np.ndarray:
    return np.abs(_own(found.waves[:, [i]])) ** 2


def _over(found: ImageStatistics, i: int) -> np.ndarray:
    """The peak relative to the frequencies around it, (n, 1) dB."""
    around = 10 * np.log10(_beside(found, i) + FAINT).mean(axis=1, keepdims=True)
    return 10 * np.log10(_power(found, i) + FAINT) - around
