"""A map of a model's images: their places by how alike they look, as small pictures in one sheet."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2

from ganbench.gan.drawing import MICRO_BATCH, Tick, draw, silent
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.surroundings import Surroundings
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.passing import extract
from ganbench.gan.images import fitted, grid, to_pillow
from ganbench.gan.latent.directions import centre, coordinates_of
from ganbench.gan.types import BadInput

SEED, CLUSTERS, MARGIN = 0, 10, 0.03
TILE, COLUMNS = 24, 50      # pixels of a small picture at most; pictures in a row
QUALITY = 60                # of WebP
LAYOUTS = {                 # of the extractor's features
    "pca": ("principal components of features of {}", "composantes principales des caractéristiques de {}"),
    "umap": ("UMAP of features of {}", "UMAP des caractéristiques de {}"),
}


@dataclass(frozen=True)
class Mapped:
    """The first n images of seed 0, small, with their features and places."""

    images: np.ndarray          # (n, C, H, W) uint8
    labels: list[int] | None    # their classes
    features: np.ndarray        # (n, d) float32
    places: np.ndarray          # (n, 2) float32 in [0, 1]
    how: tuple[str, str]        # what the places are, in English and in French


def mapped(explored: Explored, extractor: Extractor, n: int, layout: str = "pca", tick: Tick = silent) -> Mapped:
    """The first n images of seed 0 on a plane, near each other if their features are; `tick` counts images twice:
    drawn, and measured.  BadInput: UMAP is not installed."""
    places_by = layout_of(layout)
    size = MICRO_BATCH["cuda" if explored.device.startswith("cuda") else "cpu"]
    parts, features = [], []
    for first in range(0, n, size):
        with explored.lock:
            drawn = draw(explored.generator, explored.spec, SEED, first, min(n, first + size), explored.device, tick)
        parts.append(drawn)
        features.append(extract(drawn["images"], extractor, tick=tick)["features"])
    rows = np.concatenate(features)
    labels = np.concatenate([part["labels"] for part in parts]).tolist() if "labels" in parts[0] else None
    english, french = LAYOUTS[layout]
    return Mapped(np.concatenate([part["images"] for part in parts]), labels, rows, end_to_end(places_by(rows)),
                  (english.format(extractor.name), french.format(extractor.name)))


def map_of(found: Mapped, near: Surroundings | None = None) -> dict[str, Any]:
    """Facts for `map.js`; with real images also how realistic each one is, and, where the model has no classes, that of
    the nearest real image."""
    facts = {
        "seed": str(SEED), "places": encoded(found.places), "clusters": clusters_of(found.features),
        "classes": found.labels, **atlas_of(found.images), "how": found.how,
    }
    if near is None:
        return facts
    borrowed = near.labels_near(found.features) if found.labels is None else None
    return facts | {"realism": encoded(near.realism(found.features).astype(np.float32)), "real": near.data.name,
                    **({"classes": borrowed, "names": near.data.classes, "borrowed": True} if borrowed else {})}


def layout_of(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """(n, d) features -> (n, 2)."""
    if name == "pca":
        return principal_plane
    if name != "umap":
        raise BadInput("unknown-choice", f"The value of --layout is {name!r}, expected pca or umap.")
    if find_spec("umap") is None:
        raise BadInput("missing-package",
                       "A map by UMAP needs umap-learn: pip install umap-learn, or give --layout pca.")
    return umap_plane


def principal_plane(rows: np.ndarray) -> np.ndarray:
    """The first two principal components."""
    found, _ = coordinates_of(centre(rows.astype(np.float64)), 2)
    return np.pad(found, [(0, 0), (0, 2 - found.shape[1])])             # all images alike


def umap_plane(rows: np.ndarray) -> np.ndarray:
    """McInnes et al. 2018, arXiv:1802.03426, by umap-learn; seeded."""
    from umap import UMAP

    placed: np.ndarray = UMAP(random_state=SEED, n_jobs=1).fit_transform(rows)
    return placed


def end_to_end(found: np.ndarray) -> np.ndarray:
    """(n, 2) -> float32 in [0, 1], each coordinate from end to end."""
    low, high = np.quantile(found, [0.002, 0.998], axis=0)
    inside = ((found - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    return (MARGIN + (1 - 2 * MARGIN) * inside).astype(np.float32)


def clusters_of(rows: np.ndarray) -> list[int]:
    """k-means in at most 50 principal components, started by k-means++; seeded."""
    along, shares = coordinates_of(centre(rows.astype(np.float64)), 50)
    found = kmeans2(along * np.sqrt(shares), min(CLUSTERS, len(rows)), minit="++", rng=np.random.default_rng(SEED))[1]
    return [int(one) for one in found]


def atlas_of(images: np.ndarray) -> dict[str, Any]:
    """Small pictures (n, C, H, W) side by side, as one WebP in a data address."""
    tile = min(TILE, max(images.shape[2:]))
    small = np.stack([fitted(image, tile) if max(image.shape[1:]) > tile else image for image in images])
    buffer = io.BytesIO()
    sheet = grid(small, COLUMNS, gap=0).transpose(2, 0, 1)
    to_pillow(sheet).save(buffer, "WEBP", quality=QUALITY, method=4)
    return {"atlas": "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode(), "tile": small.shape[3],
            "columns": COLUMNS}


def encoded(array: np.ndarray) -> str:
    """float32, little-endian, as base64."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
