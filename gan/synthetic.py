"""The mark of synthetic images: IPTC's `trainedAlgorithmicMedia` as XMP, and where an image comes from, as JSON.

https://iptc.org/news/iptc-publishes-metadata-guidance-for-ai-generated-synthetic-media.  Both stand in text chunks of a
PNG file, so that pixels, and scores of them, are the same with and without.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganbench.gan.files import atomic_write
from ganbench.gan.images import to_pillow

MARK = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
       f"<Iptc4xmpExt:DigitalSourceType>{MARK}</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>")
Origin = Mapping[str, Any]      # such as model, model_digest, seed, index


def said_of(origin: Origin) -> PngInfo:
    """The mark and the origin as chunks of a PNG file."""
    said = PngInfo()
    said.add_itxt("XML:com.adobe.xmp", XMP)
    said.add_itxt("Description", json.dumps(dict(origin)))
    return said


def marked_png(image: np.ndarray, origin: Origin) -> bytes:
    """CHW uint8 -> a PNG file with the mark and the origin in it."""
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG", pnginfo=said_of(origin))
    return buffer.getvalue()


def mark(path: Path, origin: Origin) -> None:
    """Put the mark into a PNG file; its pixels stay."""
    with Image.open(path) as image:
        image.load()
        atomic_write(path, lambda partial: image.save(partial, "PNG", pnginfo=said_of(origin)))
