"""One training in several processes, one for each GPU, as torch's own launcher starts them.

Every process has all networks, and its part of each batch; gradients are averaged before every step, so that weights
stay the same everywhere.  The first process alone writes files; the others are told by it what is to be trained.
Without the launcher there is one process, and nothing here does anything.

Draws differ between processes (`draws_at`); pairs of a relativistic loss, penalties and the statistics of batch
normalisation are those of a process's part of the batch, whose running averages are averaged when a state is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from ganbench.gan.types import BadInput

PATIENCE = timedelta(hours=2)                               # while the first process measures a snapshot
APART = 2_654_435_769                                       # between the seeds of two processes: torch takes 32 bits
_place = [0]                                                # this process's number on its machine


@contextmanager
def together(rank: int, size: int, place: int, device: str) -> Iterator[None]:
    """The processes of a launcher: this is number `rank` of `size`, and number `place` on its machine."""
    if size == 1:
        yield
        return
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu and place >= torch.cuda.device_count():
        raise BadInput("unknown-device",
                       f"The launcher starts {place + 1} processes on a machine with {torch.cuda.device_count()} "
                       "GPUs: one for each is expected.")
    _place[:] = [place]
    distributed.init_process_group("nccl" if on_gpu else "gloo", rank=rank, world_size=size, timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def number() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def size() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def placed(device: str) -> str:
    """Where this process computes: on a GPU of its own, where there are several."""
    return f"cuda:{_place[0]}" if size() > 1 and torch.device(device).type == "cuda" else device


def is_first() -> bool:
    return number() == 0


def tell(what: Any) -> None:
    """From the first process to the others, which wait in `told`."""
    if size() > 1:
        distributed.broadcast_object_list([what], device=_device())


def told() -> Any:
    box = [None]
    distributed.broadcast_object_list(box, device=_device())
    return box[0]


def wait() -> None:
    """Until all processes are here."""
    if size() > 1:
        distributed.barrier()


def check_batch(batch: int) -> None:
    if batch % size():
        raise BadInput("unfit-value",
                       f"Batches of {batch} images cannot be divided equally among {size()} processes: give a --batch "
                       f"that is a multiple of {size()}.")


def mine(rows: Tensor) -> Tensor:
    """This process's part of a batch."""
    return rows[number() :: size()]


def draws_at(seed: int, step: int) -> torch.Generator:
    """The random generator of one step in this process."""
    apart = number() * APART % 2**32
    return torch.Generator().manual_seed(seed * 1_000_003 + step + apart)


@torch.no_grad()
def average(tensors: Iterable[Tensor | None]) -> None:
    """Each becomes its mean over all processes; they are sent as one."""
    given = [tensor for tensor in tensors if tensor is not None]
    if size() == 1 or not given:
        return
    sent = torch.cat([tensor.flatten().float() for tensor in given]).to(_device())
    distributed.all_reduce(sent)
    sent /= size()
    for tensor, part in zip(given, sent.split([tensor.numel() for tensor in given]), strict=True):
        tensor.copy_(part.view_as(tensor))


def from_first(tensor: Tensor) -> Tensor:
    """The first process's."""
    if size() > 1:
        sent = tensor.to(_device()).contiguous()
        distributed.broadcast(sent, 0)
        return sent.to(tensor)
    return tensor


def decided(what: bool) -> bool:
    """What the first process says, which the others wait for."""
    return bool(from_first(torch.tensor([float(what)])).item())


def agreed(losses: Mapping[str, float], seconds: float) -> tuple[dict[str, float], float]:
    """Mean losses, nan where one is, and the first process's time: whether to go on is decided alike everywhere."""
    if size() == 1:
        return dict(losses), seconds
    values = torch.tensor(list(losses.values()), dtype=torch.float32)
    average([values])
    values = from_first(torch.cat([values.double(), torch.tensor([seconds], dtype=torch.float64)]))
    return dict(zip(losses, values[:-1].tolist(), strict=True)), float(values[-1])


def average_statistics(parts: Mapping[str, Any]) -> None:
    """The running means and variances of batch normalisation."""
    average(buffer for part in parts.values() if isinstance(part, nn.Module) for name, buffer in part.named_buffers()
            if name.endswith(("running_mean", "running_var")))


def _device() -> torch.device:
    """On which the processes talk."""
    return torch.device(placed("cuda") if distributed.get_backend() == "nccl" else "cpu")
