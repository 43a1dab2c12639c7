"""Names in state dicts: prefixes that wrappers add, averaged weights that lost their names, and the part of a file that
fits a module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import Tensor

# Keys under which training code stores the generator, in order of preference: averaged weights first, because
# papers evaluate those.
KEYS = (
    "G_ema", "g_ema", "ema", "params_ema", "ema_state_dict", "model_ema", "ema_model", "generator_ema", "ema_generator",
    "netG_ema", "EMA", "ema_params", "ema_weights", "ema_net", "state_dict_ema", "G_ema_state_dict",
    "generator_ema_state_dict", "netG_ema_state_dict", "shadow", "shadow_params", "averaged_model", "swa_model",
    "swa_state_dict",
    "generator", "G", "netG", "g", "gen", "generator_state_dict", "netG_state_dict", "G_state_dict",
    "state_dict", "model_state_dict", "model", "params", "module", "net", "network", "weights", "state",
)
# torch.compile, FSDP, activation checkpointing, Lightning's Fabric and DeepSpeed, accelerate: no user's own names
WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module|"
                      r"_original_module|_ddp_module)\.")
PARALLEL = re.compile(r"(?:^|(?<=\.))module\.")             # DataParallel; but a module may have such a name, too
COUNTERS = ("num_batches_tracked", "n_averaged")            # of BatchNorm and AveragedModel: no part of a picture
STATISTICS = ("running_mean", "running_var")                # of BatchNorm, kept as buffers


def without_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop what wrappers add: `_orig_mod.` and its like wherever they stand, `module.` where every key begins so."""
    state = dropped(WRAPPERS, averaged_counter_left_out(state))
    for _ in range(2):
        if state and all(name.startswith("module.") for name in state):
            state = {name.removeprefix("module."): value for name, value in state.items()}
    return dict(state)


def averaged_counter_left_out(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """torch's AveragedModel counts its updates beside `module.`."""
    rest = {name: value for name, value in state.items() if name != "n_averaged"}
    return rest if rest and all(name.startswith("module.") for name in rest) else state


def dropped(pattern: re.Pattern[str], state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The state dict with a part of its names left out, unless two names would become one."""
    found = {pattern.sub("", name): value for name, value in state.items()}
    return found if len(found) == len(state) else state


# The part of a file that fits a module

def renamed(state: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """State dicts with a module's names that are found in a file below a prefix, by prefix; every one has all that the
    module needs, of its shapes, and nothing else.  Names of wrappers count on neither side."""
    plain = {PARALLEL.sub("", WRAPPERS.sub("", name)): name for name in ours}
    if len(plain) < len(ours):
        plain = {name: name for name in ours}
    needed = {name: ours[own] for name, own in plain.items() if not name.endswith(COUNTERS)}
    if not needed:
        return []
    found: dict[str, dict[str, Tensor]] = {}
    for form in (state, dropped(PARALLEL, dropped(WRAPPERS, state))):
        for theirs, mine in prefixes(form, needed):
            part = {mine + name.removeprefix(theirs): value for name, value in form.items() if name.startswith(theirs)}
            if fits(part, needed, plain):
                found.setdefault(theirs, {plain[name]: value for name, value in part.items() if name in plain})
        if found:
            break
    return list(found.items())


def fits(part: Mapping[str, Tensor], needed: Mapping[str, Tensor], known: Iterable[str]) -> bool:
    extra = [name for name in part if name not in known and not name.endswith(COUNTERS)]
    return not extra and all(name in part and part[name].shape == value.shape for name, value in needed.items())


def prefixes(state: Mapping[str, Tensor], needed: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Pairs (what names in the file begin with, what the module's begin with) that map a name to the module's first."""
    anchor = next(iter(needed))
    for name in state:
        if name == anchor or name.endswith("." + anchor):
            yield name.removesuffix(anchor), ""
    parts = anchor.split(".")
    for k in range(1, len(parts)):
        begin = ".".join(parts[:k]) + "."
        if all(name.startswith(begin) for name in needed):
            for name in state:
                rest = anchor.removeprefix(begin)
                if name == rest or name.endswith("." + rest):
                    yield name.removesuffix(rest), begin


def first_of(found: Sequence[str]) -> str | None:
    """The prefix that names a generator, averaged weights first; None where names do not decide."""
    def rank(prefix: str) -> int:
        return min((KEYS.index(part) for part in prefix.split(".") if part in KEYS), default=len(KEYS))

    ranked = sorted(found, key=rank)
    if len(ranked) == 1 or rank(ranked[0]) < rank(ranked[1]):
        return ranked[0]
    return None


# Averaged weights

def completed(state: dict[str, Tensor], others: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor] | None:
    """Averaged weights with the names and the running statistics of the weights beside which they lie: averages often
    are a list in the order of parameters, or hold no buffers.  None for a list that nothing else in the file names."""
    for other in others:
        if is_unnamed(state):
            named = named_after(list(state.values()), other)
            if named:
                return named
        elif state.keys() < other.keys() and lacks_statistics(state, other):
            return {name: state.get(name, value) for name, value in other.items()}
    return None if is_unnamed(state) else state


def lacks_statistics(state: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has all of another one's tensors but running statistics."""
    lacking = other.keys() - state.keys()
    return (all(name.endswith((*COUNTERS, *STATISTICS)) for name in lacking)
            and all(other[name].shape == value.shape for name, value in state.items()))


def is_unnamed(state: Mapping[str, Tensor]) -> bool:
    """Whether names are places in a list."""
    return list(state) == [str(k) for k in range(len(state))]


def named_after(values: Sequence[Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """A list of parameters with the names of a state dict, if its shapes, in their order, leave one way only."""
    same: dict[str, str] = {}                               # names of shared parameters, which a list has once
    for name, value in other.items():
        same[name] = next((first for first in same if other[first].data_ptr() == value.data_ptr() and value.numel()
                           and other[first].shape == value.shape), name)
    names = [name for name in other if same[name] == name and not name.endswith((*COUNTERS, *STATISTICS))]
    forward, backward = matched(values, names, other), matched(values[::-1], names[::-1], other)
    if forward is None or backward is None or forward != backward[::-1]:
        return None
    found = dict(zip(forward, values, strict=True))
    return {name: found.get(same[name], value) for name, value in other.items()}


def matched(values: Sequence[Tensor], names: Sequence[str], other: Mapping[str, Tensor]) -> list[str] | None:
    """The first names, in their order, that have the shapes of the values."""
    found, rest = [], iter(names)
    for value in values:
        name = next((name for name in rest if other[name].shape == value.shape), None)
        if name is None:
            return None
        found.append(name)
    return found


def with_dots(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Averages whose names lost their dots, with those of the weights beside them: `model_ema.` of latent diffusion's
    code beside `model.`, and `ema_` of OpenMMLab's."""
    scored = {f"ema_{name.replace('.', '_')}": name for name in state if "." in name}
    if scored.keys() & state.keys():
        return {f"ema.{scored[name]}" if name in scored else name: value for name, value in state.items()}
    if not any(name.startswith("model_ema.") for name in state):
        return state
    state = {name: value for name, value in state.items() if name not in ("model_ema.decay", "model_ema.num_updates")}
    names = {name.removeprefix("model.").replace(".", ""): name for name in state if name.startswith("model.")}
    return {"model_ema." + names[rest].removeprefix("model.") if (rest := name.removeprefix("model_ema.")) in names
            and name.startswith("model_ema.") else name: value for name, value in state.items()}
