"""Croissant 1.0 of images that were written: JSON-LD by which data sets are found and read.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html.  Images of a model are declared as synthetic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench.gan.files import atomic_write, file_digest

NAME = "croissant.json"
TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)
CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
    **{name: f"cr:{name}" for name in TERMS}, "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "examples": {"@id": "cr:examples", "@type": "@json"},
}
TYPES = {".npz": "application/x-npz", ".parquet": "application/x-parquet", ".tar": "application/x-tar"}
SYNTHETIC = "https://schema.org/TrainedAlgorithmicMediaDigitalSource"
IMAGES = "images"


def write_croissant(out: Path, n: int, origin: Mapping[str, Any], synthetic: bool = True) -> Path:
    """Beside the images: croissant.json in a folder, or FILE.croissant.json beside a file.  `origin`: the model and
    the like; `synthetic`: False of images that are only copied."""
    path = out / NAME if out.is_dir() else out.with_name(f"{out.name}.{NAME}")
    text = json.dumps(croissant(out, n, origin, synthetic), indent=1) + "\n"
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))
    return path


def croissant(out: Path, n: int, origin: Mapping[str, Any], synthetic: bool = True) -> dict[str, Any]:
    """`out`: a folder of PNG files, or with data files in it, or a file."""
    said = ", ".join(f"{what.replace('_', ' ')} {value}" for what, value in origin.items())
    kind = "synthetic images, made by a generator: none is a photograph" if synthetic else "images"
    marked = {"digitalSourceType": SYNTHETIC, "keywords": ["synthetic"]} if synthetic else {}
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": str(origin.get("model") or out.name.partition(".")[0] or IMAGES),
        "description": f"{n:,} {kind} ({said}).", **marked,
        "version": "1.0.0",
        "distribution": distribution(out), "recordSet": records(out),
    }


def data_files(out: Path) -> list[Path]:
    """The files that hold images in rows; none of a folder of PNG files."""
    return sorted(path for path in out.rglob("*") if path.suffix in TYPES) if out.is_dir() else [out]


def distribution(out: Path) -> list[dict[str, Any]]:
    base = out if out.is_dir() else out.parent
    files = [{"@type": "cr:FileObject", "@id": path.relative_to(base).as_posix(), "name": path.name,
              "contentUrl": path.relative_to(base).as_posix(), "encodingFormat": TYPES[path.suffix],
              "contentSize": f"{path.stat().st_size} B", "sha256": file_digest(path)} for path in data_files(out)]
    return files or [{"@type": "cr:FileSet", "@id": IMAGES, "name": IMAGES, "encodingFormat": "image/png",
                      "includes": ["*.png", "*/*.png"]}]


def records(out: Path) -> list[dict[str, Any]]:
    """What a row is.  Arrays of NumPy and archives of WebDataset have no fields in Croissant."""
    files = data_files(out)
    if not files:
        return [record("image", "sc:ImageObject", {"fileSet": {"@id": IMAGES}, "extract": {"fileProperty": "content"}})]
    if files[0].suffix != ".parquet":
        return []
    source = {"fileObject": {"@id": distribution(out)[0]["@id"]}, "extract": {"column": "image"},
              "transform": {"jsonPath": "bytes"}}
    return [record("image", "sc:ImageObject", source)]


def record(name: str, kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": [
        {"@type": "cr:Field", "@id": f"rows/{name}", "name": name, "dataType": kind, "source": dict(source)}]}
