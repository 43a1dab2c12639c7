"""CONVENTIONS: how a number is made.  PROTOCOLS: a convention with its reference data and counts."""

from __future__ import annotations

from dataclasses import replace

from gan.types import BadInput, Convention, Protocol

CONVENTIONS = {
    "embedded": Convention(
        "embedded", ("efficientnet_lite0",),
        matches="nothing outside: weights that come with the package, so it runs anywhere, at once",
    ),
    "fidelity": Convention(
        "fidelity", ("inception",),
        settings={"kid": {"subsets": 100}, "is": {"splits": 10, "shuffle_seed": 2020}},
        matches="torch-fidelity, and FID as StyleGAN, EDM, ADM and TTUR compute it",
    ),
    "clean": Convention(
        "clean", ("inception_clean",),
        settings={"kid": {"subsets": 100}},
        matches="clean-fid (mode clean)",
    ),
}  # fmt: skip


def fashion_mnist(name: str, convention: str, n: int, judge: str = "") -> Protocol:
    """`n` images against the 10,000 test images; 10,000 training images give the floor."""
    return Protocol(
        name, CONVENTIONS[convention], "fashion-mnist:test", n, judge=judge, held_out="fashion-mnist:train10k"
    )


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        # Expected of zoo:dcgan-fashion-mnist, seed 0: fd_efficientnet_lite0 = 12.48, fd_judge = 0.639.
        fashion_mnist("fashion-mnist-embedded-2k", "embedded", 2_000, "judge"),
        # Expected of the same: fd_efficientnet_lite0 = 9.58, fd_judge = 0.539.
        fashion_mnist("fashion-mnist-embedded-10k", "embedded", 10_000, "judge"),
        fashion_mnist("fashion-mnist-fidelity-10k", "fidelity", 10_000),
        fashion_mnist("fashion-mnist-clean-10k", "clean", 10_000),
        # Published: fid = 2.42 of StyleGAN2-ADA (conditional; arXiv:2006.06676), 1.97 of EDM, 1.79 of its conditional
        # model (arXiv:2206.00364).
        Protocol("cifar10-fidelity-50k", CONVENTIONS["fidelity"], "cifar10:train", 50_000),
        # Expected of the floor: fid = 3.15 (README of w86763777/pytorch-image-generation-metrics).
        Protocol("cifar10-fidelity-10k", CONVENTIONS["fidelity"], "cifar10:train", 10_000, held_out="cifar10:test"),
        # Published: fid = 9.26 +- 0.06 of StyleGAN2-ADA, 10.85 +- 0.10 of DiffAugment (README of GaParmar/clean-fid).
        Protocol("cifar10-clean-10k", CONVENTIONS["clean"], "cifar10:test", 10_000, held_out="cifar10:train"),
    )
}


def choose(
    name: str = "", convention: str = "", reference: str = "", n: int | None = None, held_out: str = ""
) -> Protocol:
    """A preset by name, or one derived from it or from a convention and reference data."""
    if reference or convention:
        if name:
            raise BadInput("Give either --protocol or --convention with --reference, not both.")
        return derived(convention or "embedded", reference, n, held_out)
    preset = PROTOCOLS.get(name or "fashion-mnist-embedded-2k")
    if preset is None:
        raise BadInput(f"No protocol {name!r}. Known: {', '.join(sorted(PROTOCOLS))}.")
    if held_out:
        preset = replace(preset, name=f"{preset.name}, held out {held_out}", held_out=held_out)
    return with_count(preset, n)


def with_count(protocol: Protocol, n: int | None) -> Protocol:
    """The protocol with another number of generated images; another number is another protocol."""
    if n is None or n == protocol.n_generated:
        return protocol
    check_count(n)
    return replace(protocol, name=f"{protocol.name}, n={n}", n_generated=n)


def derived(convention: str, reference: str, n: int | None, held_out: str) -> Protocol:
    if convention not in CONVENTIONS:
        raise BadInput(f"No convention {convention!r}. Known: {', '.join(sorted(CONVENTIONS))}.")
    if not reference:
        raise BadInput("A convention needs reference data: give --reference with a name, folder, .npz or .parquet.")
    n = 10_000 if n is None else n
    check_count(n)
    return Protocol(f"{convention}, {reference}, n={n}", CONVENTIONS[convention], reference, n, held_out=held_out)


def check_count(n: int) -> None:
    if n < 2:
        raise BadInput(f"Scores need at least 2 images, got --n {n}.")
