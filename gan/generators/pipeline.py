"""A folder of a diffusers pipeline as a model: unconditional, by class, or by a list of prompts.

Only weights in safetensors and classes of diffusers and transformers are loaded: no code of the folder is run.  Each
image has a separate torch.Generator, whose complete state is drawn, so that neither its initial noise nor that of the
sampler's steps depends on other images of the batch.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.files import digest_at
from ganbench.gan.philox import words
from ganbench.gan.types import BadInput, BadOutput, ModelSpec, digest_of
from ganbench.gan.usercode import first_line, looked_up

ARGUMENTS = {"steps": "num_inference_steps", "guidance": "guidance_scale"}      # ours -> the pipeline's
KNOWN = {*ARGUMENTS, "scheduler", "prompts"}
READ = {".json", ".safetensors", ".txt", ".model"}
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
STATE = 624                                                 # words in the Mersenne Twister
CLASSES = ("num_embeds_ada_norm", "num_class_embeds")       # how networks of diffusers call their number of classes


class Pipeline:
    """Images by `steps` of a diffusers pipeline; image i uses prompt i modulo the number of prompts."""

    output_range = (-1.0, 1.0)

    def __init__(self, pipeline: Any, name: str, options: Mapping[str, Any], prompts: Sequence[str]):
        self.pipeline, self.name, self.options, self.prompts = pipeline, name, dict(options), list(prompts)
        self.accepted = inspect.signature(type(pipeline).__call__).parameters
        self.n_classes = classes_of(pipeline) if "class_labels" in self.accepted else 0

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """Each image's number and the state of its generator, (n, 1 + 312) int64: see `generator_in`."""
        states = torch.from_numpy(words(indices, seed, STATE // 2).view(np.int64))
        return torch.cat([torch.tensor(list(indices), dtype=torch.int64)[:, None], states], 1)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """NCHW float32 in [-1, 1]; pure: where the global random state was touched, a second run must agree."""
        before = torch.get_rng_state()
        images = self.run(draws, labels)
        if not torch.equal(before, torch.get_rng_state()) and not torch.equal(images, self.run(draws, labels)):
            raise BadOutput("unseeded-randomness",
                            f"{self.name}: {type(self.pipeline.scheduler).__name__} draws noise that no seed decides, "
                            "so its images could not be drawn again: choose another scheduler.")
        return images

    def run(self, draws: Tensor, labels: Tensor | None) -> Tensor:
        random = [generator_in(state) for state in draws[:, 1:].cpu()]
        pipeline = copy.copy(self.pipeline)                 # schedulers keep state, and threads share the pipeline
        pipeline.scheduler = self.pipeline.scheduler.from_config(self.pipeline.scheduler.config)
        pipeline.scheduler.step = watched(pipeline.scheduler, random, self.name)
        try:
            made = pipeline(**self.asked(draws, labels), **self.options, generator=random, output_type="np")
        except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
            if isinstance(error, BadInput | torch.OutOfMemoryError):
                raise
            raise BadOutput("call-failed",
                            f"{self.name}: {type(pipeline).__name__} failed: {first_line(error)}.") from error
        return torch.from_numpy(np.asarray(made.images, np.float32)).permute(0, 3, 1, 2) * 2 - 1

    def asked(self, draws: Tensor, labels: Tensor | None) -> dict[str, Any]:
        """The inputs of this kind of pipeline."""
        if "prompt" in self.accepted:
            return {"prompt": [self.prompts[i % len(self.prompts)] for i in draws[:, 0].tolist()]}
        if labels is not None and self.n_classes:
            return {"class_labels": labels.tolist()}
        return {"batch_size": len(draws)}


def generator_in(state: Tensor) -> torch.Generator:
    """torch's Mersenne Twister with a given state: (312,) int64, whose halves are its 624 words, lower first.

    `manual_seed` would use 32 bits.  torch keeps the state as unsigned 64-bit numbers behind a head of 24 bytes.
    """
    random = torch.Generator().manual_seed(0)
    whole = random.get_state()
    whole[24 : 24 + 8 * STATE].view(torch.int64)[:] = state.view(torch.int32).long() & 0xFFFFFFFF
    return random.set_state(whole)


def watched(scheduler: Any, random: list[torch.Generator], name: str) -> Callable[..., Any]:
    """A scheduler's step with one random generator per image, whether the pipeline passes it on or not.

    NaN is reported with the step that produced it.  A scheduler that scales the network's input needs a pipeline that
    calls that method; otherwise diffusers would silently make wrong images.
    """
    step = scheduler.step
    takes_generator = "generator" in inspect.signature(step).parameters
    done = 0

    def watched_step(*args: Any, **kwargs: Any) -> Any:
        nonlocal done
        if not getattr(scheduler, "is_scale_input_called", True):
            raise BadInput("scheduler-does-not-fit",
                           f"{name}: this pipeline does not scale its input, which {type(scheduler).__name__} needs: "
                           "choose another scheduler.")
        # With guidance a pipeline may step every image twice, with and without its class.
        own = {"generator": random * max(1, len(args[0]) // len(random))} if takes_generator else {}
        made = step(*args, **{**kwargs, **own})
        done += 1
        images = made[0] if isinstance(made, tuple) else made.prev_sample
        if not torch.isfinite(images).all():
            raise BadOutput("images-not-finite",
                            f"{name} gives NaN or infinite values from step {done} on (timestep {float(args[1]):g}).")
        return made

    return watched_step


def classes_of(pipeline: Any) -> int:
    """The number of the network's classes; the last one of DiT's is the null class."""
    configs: list[Any] = [getattr(part, "config", {}) for part in pipeline.components.values()]
    found = [config.get(name) for config in configs for name in CLASSES]
    return next((int(n) for n in found if n), 0)


# Checks of the folder, before anything is loaded

def look(spec: ModelSpec, folder: Path) -> ModelSpec:
    """Refuse folders that could run code; record the digest of the files that are used."""
    check_arguments(spec.arguments)
    components = read_index(folder)
    for name in components:
        check_weights(folder / name)
    digest = content_digest(folder, components, spec.arguments.get("prompts"))
    if spec.sha256 and spec.sha256 != digest:
        raise BadInput("changed-content", f"{folder} has changed: its digest is {digest}, expected {spec.sha256}.")
    return replace(spec, sha256=digest, latent="none")


def check_arguments(arguments: Mapping[str, Any]) -> None:
    if unknown := arguments.keys() - KNOWN:
        raise BadInput("unknown-argument",
                       f"A diffusers pipeline has no argument {min(unknown)!r}, only {', '.join(sorted(KNOWN))}.")
    steps, guidance = arguments.get("steps", 1), arguments.get("guidance", 1.0)
    if type(steps) is not int or steps < 1:
        raise BadInput("unfit-value", f"steps is {steps!r}, expected a whole number above 0.")
    if type(guidance) not in (int, float):
        raise BadInput("unfit-value", f"guidance is {guidance!r}, expected a number.")


def read_index(folder: Path) -> dict[str, tuple[str, str]]:
    """The components of model_index.json, name -> (library, class), all of known libraries."""
    path = folder / "model_index.json"
    try:
        index = json.loads(path.read_text("utf-8"))
        kind = index["_class_name"]
        listed = {name: value for name, value in index.items() if isinstance(value, list) and value and value[0]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput("unusable-config", f"{path} is not what diffusers writes: {first_line(error)}.") from error
    strangers = [f"{name} of {value[0]}" for name, value in listed.items() if not is_known([name, *value])]
    if not isinstance(kind, str) or strangers:
        what = strangers[0] if strangers else f"the pipeline {kind!r}"
        raise BadInput("untrusted-code",
                       f"{folder} is not loaded: {what} would be code from the folder, expected classes of diffusers "
                       "and transformers.")
    return {name: (value[0], value[1]) for name, value in listed.items()}


def class_name(folder: Path) -> str:
    return str(json.loads((folder / "model_index.json").read_text("utf-8"))["_class_name"])


def is_known(component: Sequence[Any]) -> bool:
    """Three texts: a name, a library (diffusers, transformers or a part of diffusers.pipelines), and a class."""
    if len(component) != 3 or not all(isinstance(part, str) and part.isidentifier() for part in component):
        return False
    return component[1] in ("diffusers", "transformers") or (package() / "pipelines" / component[1]).is_dir()


def package() -> Path:
    found = looked_up("diffusers")
    if found is None or not found.origin:
        raise BadInput("missing-package", "A diffusers model needs diffusers: pip install diffusers transformers.")
    return Path(found.origin).parent


def check_weights(folder: Path) -> None:
    """Weights that are pickles would run code."""
    files = list(folder.glob("*")) if folder.is_dir() else []
    pickled = sorted(file.name for file in files if file.suffix in PICKLES)
    if pickled and not any(file.suffix == ".safetensors" for file in files):
        raise BadInput("untrusted-code",
                       f"{folder} holds {pickled[0]}, a pickle, and no safetensors: save the pipeline again with "
                       "save_pretrained(…, safe_serialization=True).")


def content_digest(folder: Path, components: Mapping[str, Any], prompts: str | None) -> str:
    """sha256 over the names and bytes of the files of a pipeline, and of the prompts."""
    inner = [file for name in components for file in (folder / name).rglob("*") if file.suffix in READ]
    files = sorted({folder / "model_index.json", *(file for file in inner if file.is_file())})
    listed = [[file.relative_to(folder).as_posix(), digest_at(file.resolve())] for file in files]
    return digest_of([*listed, *(["prompts", line] for line in read_prompts(prompts))])


def read_prompts(path: str | None) -> list[str]:
    """One prompt per line; empty lines are skipped."""
    if path is None:
        return []
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("unreadable-file", f"The prompts {path} cannot be read: {first_line(error)}.") from error
    if not any(map(str.strip, lines)):
        raise BadInput("empty-file", f"{path} holds no prompts, expected one per line.")
    return [line.strip() for line in lines if line.strip()]


# Loading

def open_pipeline(spec: ModelSpec, folder: Path, device: str) -> Pipeline:
    """The pipeline on the device, with the scheduler and the steps that the spec says."""
    read_index(folder)
    pipeline = loaded(folder)
    pipeline.set_progress_bar_config(disable=True)
    accepted = inspect.signature(type(pipeline).__call__).parameters
    check_kind(pipeline, accepted, spec, folder)
    if "scheduler" in spec.arguments:
        pipeline.scheduler = scheduler_named(spec.arguments["scheduler"], pipeline.scheduler)
    options = {theirs: spec.arguments[ours] for ours, theirs in ARGUMENTS.items() if ours in spec.arguments}
    return Pipeline(pipeline.to(device), spec.name, options, read_prompts(spec.arguments.get("prompts")))


def loaded(folder: Path) -> Any:
    """diffusers' loader, restricted to safetensors and files of this folder."""
    try:
        from diffusers import DiffusionPipeline
    except ImportError as error:
        raise BadInput("missing-package",
                       "A diffusers model needs diffusers: pip install diffusers transformers.") from error
    try:
        with silent(), torch.random.fork_rng(devices=[]):
            return DiffusionPipeline.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, low_cpu_mem_usage=False
            )
    except Exception as error:      # whatever a damaged folder runs into
        raise BadInput("unfit-pipeline", f"{folder} cannot be loaded by diffusers: {first_line(error)}.") from error


@contextmanager
def silent() -> Iterator[None]:
    """Suppress progress bars and log messages of diffusers and transformers while they load."""
    from diffusers.utils import logging as ours

    logs = [ours]
    try:
        from transformers.utils import logging as theirs

        logs.append(theirs)
    except ImportError:
        pass
    before = [log.get_verbosity() for log in logs]
    for log in logs:
        log.set_verbosity_error()
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.set_verbosity(level)
            log.enable_progress_bar()


def check_kind(pipeline: Any, accepted: Mapping[str, Any], spec: ModelSpec, folder: Path) -> None:
    """Refuse pipelines that are not generators, and arguments that a pipeline does not take."""
    name = type(pipeline).__name__
    if "image" in accepted or not accepted.keys() & {"prompt", "class_labels", "batch_size"}:
        raise BadInput("unfit-pipeline",
                       f"{folder} is a {name}, which starts from more than noise, a class or a prompt.")
    if not {"generator", "output_type"} <= accepted.keys() or getattr(pipeline, "scheduler", None) is None:
        raise BadInput("unfit-pipeline", f"{folder} is a {name}, whose randomness cannot be given image by image.")
    wrong = [ours for ours, theirs in ARGUMENTS.items() if ours in spec.arguments and theirs not in accepted]
    if wrong:
        raise BadInput("unfit-pipeline", f"{folder} is a {name}, which takes no {wrong[0]}.")
    if ("prompt" in accepted) != ("prompts" in spec.arguments):
        needs = 'needs prompts = "FILE", one per line' if "prompt" in accepted else "takes no prompts"
        raise BadInput("unfit-pipeline", f"{folder} is a {name}, which {needs}.")


def scheduler_named(name: Any, present: Any) -> Any:
    """The same schedule with another sampler of diffusers."""
    fitting = {kind.__name__: kind for kind in present.compatibles}
    if name not in fitting:
        known = ", ".join(sorted(fitting)) or "none"
        raise BadInput("unknown-choice", f"No scheduler {name!r} for {type(present).__name__}. Known: {known}.")
    try:
        return fitting[name].from_config(present.config)
    except (ImportError, ValueError, TypeError) as error:
        raise BadInput("scheduler-does-not-fit",
                       f"The scheduler {name} cannot be made: {first_line(error)}.") from error
