"""A map of a model's images: their places by how alike they look, as small pictures in one sheet."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2

from ganbench.gan.drawing import MICRO_BATCH, Tick, draw, silent
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.passing import extract
from ganbench.gan.images import fitted, grid, to_pillow
from ganbench.gan.latent.directions import centre, coordinates_of

SEED, CLUSTERS, MARGIN = 0, 10, 0.03
TILE, COLUMNS = 24, 50      # pixels of a small picture at most; pictures in a row
QUALITY = 60                # of WebP


def map_of(explored: Explored, extractor: Extractor, n: int, tick: Tick = silent) -> dict[str, Any]:
    """The first n images of seed 0 on the plane of their features' first two principal components.

    Facts for `map.js`; `tick` counts images twice: drawn, and measured.
    """
    size = MICRO_BATCH["cuda" if explored.device.startswith("cuda") else "cpu"]
    parts, features = [], []
    for first in range(0, n, size):
        with explored.lock:
            drawn = draw(explored.generator, explored.spec, SEED, first, min(n, first + size), explored.device, tick)
        parts.append(drawn)
        features.append(extract(drawn["images"], extractor, tick=tick)["features"])
    rows = np.concatenate(features).astype(np.float64)
    images = np.concatenate([part["images"] for part in parts])
    labels = np.concatenate([part["labels"] for part in parts]).tolist() if "labels" in parts[0] else None
    return {
        "seed": str(SEED), "places": encoded(places_of(rows)), "clusters": clusters_of(rows), "classes": labels,
        **atlas_of(images),
        "how": (f"principal components of features of {extractor.name}",
                f"composantes principales des caractéristiques de {extractor.name}"),
    }


def places_of(rows: np.ndarray) -> np.ndarray:
    """(n, d) -> (n, 2) float32 in [0, 1]: the first two principal components, each from end to end."""
    found, _ = coordinates_of(centre(rows), 2)
    found = np.pad(found, [(0, 0), (0, 2 - found.shape[1])])            # all images alike
    low, high = np.quantile(found, [0.002, 0.998], axis=0)
    inside = ((found - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    return (MARGIN + (1 - 2 * MARGIN) * inside).astype(np.float32)


def clusters_of(rows: np.ndarray) -> list[int]:
    """k-means in at most 50 principal components, started by k-means++; seeded."""
    along, shares = coordinates_of(centre(rows), 50)
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
