"""Names of metrics in logs -> the names that curves are drawn and judged by."""

from __future__ import annotations

import re
from functools import lru_cache

# A pattern of the whole name, in lower case with `_` between words -> its canonical name.  The first that fits.
PATTERNS: tuple[tuple[str, str], ...] = (
    (r"(loss_)?(d|dis|disc|discriminator|critic|netd)(_loss|_cost|_error|_total)?(_total)?", "discriminator"),
    (r"loss(es)?_(d|dis|disc|discriminator|critic|netd)(_loss|_total)?|err_?d|d_err|dloss|lossd", "discriminator"),
    (r"(loss_)?(g|gen|generator|netg)(_loss|_cost|_error|_total)?(_total)?", "generator"),
    (r"loss(es)?_(g|gen|generator|netg)(_loss|_total)?|err_?g|g_err|gloss|lossg", "generator"),
    (r"d_?(of_)?(x|real)(_prob|_mean)?|(prob_real|real_prob|d_real_prob)", "d_real"),
    (r"d_?(of_)?g_?z1?|d_?(of_)?(fake|gen)(_prob|_mean)?|(prob_fake|fake_prob|d_fake_prob)|d_g_z2?", "d_fake"),
    (r"(loss_)?scores?_real|real_scores?|(loss_)?real_logits?|logits?_real", "score_real"),
    (r"(loss_)?scores?_fake|fake_scores?|(loss_)?fake_logits?|logits?_fake", "score_fake"),
    (r"(loss_)?(gradient_)?penalty|(loss_)?gp(_loss)?|loss_gp|gradient_penalty_loss|(d_)?gp|lambda_gp", "penalty"),
    (r"(loss_)?(d_)?(reg|r1|r1_penalty|loss_r1|r1_loss)|loss_d_reg", "penalty"),
    (r"(grad(ient)?_?norm|norm_?grad)_?(d|disc|discriminator|critic)|(d|discriminator|critic)_grad(ient)?_?norm",
     "gradient_norm.discriminator"),
    (r"(grad(ient)?_?norm|norm_?grad)_?(g|gen|generator)|(g|generator)_grad(ient)?_?norm", "gradient_norm.generator"),
    (r"grad(ient)?_?norm|total_norm|global_norm", "gradient_norm"),
    (r"cross_entropy(_loss)?|ce_loss|nll(_loss)?", "cross_entropy"),
    (r"(denoising|diffusion)(_loss)?|(noise|eps|epsilon|flow_matching|velocity)_loss|loss_(simple|diffusion)",
     "denoising"),
)
GROUPS = re.compile(r"^(train(ing)?|val(idation)?|metrics?|scalars?|losses|logs|data|history|eval|test)[/.]", re.I)
COMPILED = tuple((re.compile(pattern), name) for pattern, name in PATTERNS)
IMAGE = re.compile(r"(kid|fid|fd|coverage|recall|vendi|density|precision|is)(\d+k)?(_full)?([_.].*)?")


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """`discriminator` of loss_D, Loss/D/loss, d_loss or train/D_loss; `kid` of kid or KID; others as they are.

    Validation losses keep their name: they are another curve than the training's.
    """
    group = GROUPS.match(name)
    inner = name[group.end():] if group else name
    words = words_of(inner)
    found = next((to for pattern, to in COMPILED if pattern.fullmatch(words)), "")
    if found:
        other = group and group[1].lower().startswith(("val", "eval", "test"))
        return f"{group[1].lower()}/{found}" if group and other else found
    if IMAGE.fullmatch(inner.lower()):
        return inner.lower()
    return name


def words_of(name: str) -> str:
    """`loss_d_loss` of Loss/D/loss, `d_real` of D(real), `grad_norm` of gradNorm."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def is_score(name: str) -> bool:
    """Whether a canonical name is that of a measurement of images."""
    return bool(IMAGE.fullmatch(name)) and not name.endswith(".se")


def family_of(name: str) -> str:
    """`kid` of kid_judge or kid50k_full."""
    found = IMAGE.fullmatch(name)
    return found[1] if found else ""
