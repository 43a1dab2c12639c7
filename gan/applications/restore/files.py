"""What `ganbench restore` writes: a contact sheet, numbers as JSON, and in a folder every restored image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.applications.restore.damage import Damage, missing_in
from ganbench.gan.applications.restore.methods import METHODS, finite
from ganbench.gan.applications.restore.restoring import Restoration
from ganbench.gan.applications.restore.running import Restored, restored_images
from ganbench.gan.applications.restore.sheet import Cell, map_of, seen, write_image, write_sheet
from ganbench.gan.files import atomic_write
from ganbench.gan.inverting import check_place, stems
from ganbench.gan.question import Opening, Repair
from ganbench.gan.types import Workspace
from ganbench.gan.watching import Show

ROWS, SOLUTIONS = 24, 3             # on the sheet
IGNORES = "ignores known pixels"    # or, of other damages than holes:
UNFIT = "strays from input"


def restoration(
    show: Show, model: str, image: Path, out: Path, wish: Repair, opening: Opening, workspace: Workspace
) -> tuple[Restored, tuple[str, ...]]:
    """What was restored, see `restored_images`, and the files that it is written to: `out` is FILE.png, beside which is
    FILE.json, or a folder."""
    check_place(out)
    made = restored_images(show, model, image, wish, opening, workspace)
    return made, written(made, out)


def written(made: Restored, out: Path) -> tuple[str, ...]:
    """FILE.png and FILE.json, or a folder with these as sheet.png and restorations.json, and every solution."""
    sheet, facts = (out, out.with_suffix(".json")) if out.suffix else (out / "sheet.png", out / "restorations.json")
    files = [] if out.suffix else pictures_in(made, out)
    write_sheet(sheet, title(made), heads(made), rows_of(made))
    text = json_of(made)
    atomic_write(facts, lambda partial: partial.write_text(text, "utf-8"))
    return tuple(map(str, (sheet, facts, *files)))


def pictures_in(made: Restored, folder: Path) -> list[Path]:
    """NAME-METHOD.png, or NAME-METHOD-K.png of several solutions, of which NAME-METHOD-spread.png is the map."""
    files = []
    for i, stem in enumerate(stems([image.name for image in made.images])):
        write_image(folder / f"{stem}-damaged.png", seen(made.images[i].task))
        for method, results in made.found.items():
            for k, image in enumerate(results[i].images):
                number = f"-{k + 1}" if len(results[i].images) > 1 else ""
                files.append(folder / f"{stem}-{method}{number}.png")
                write_image(files[-1], image)
            if len(results[i].images) > 1:
                write_image(folder / f"{stem}-{method}-spread.png", map_of(results[i].spread))
    return files


def title(made: Restored) -> str:
    return f"{made.model}: {made.damage.text}"


def leader(made: Restored) -> str:
    """The method of which several solutions are shown; '' where there is one of each."""
    return next((name for name, results in made.found.items() if len(results[0].images) > 1), "")


def heads(made: Restored) -> list[str]:
    several = leader(made)
    more = [f"{several} {k + 1}" for k in range(1, min(made.wish.n, SOLUTIONS))] if several else []
    whole = ["whole"] if made.images[0].truth is not None else []
    return [*whole, "damaged", *made.found, *more, *(["spread"] if several else [])]


def rows_of(made: Restored) -> list[tuple[str, list[Cell]]]:
    return [(Path(image.name).name, cells_of(made, i)) for i, image in enumerate(made.images[:ROWS])]


def cells_of(made: Restored, i: int) -> list[Cell]:
    image, several = made.images[i], leader(made)
    cells = [] if image.truth is None else [Cell(image.truth)]
    cells += [Cell(seen(image.task)), *(cell_of(results[i], 0, made.damage) for results in made.found.values())]
    if several:
        one = made.found[several][i]
        cells += [cell_of(one, k, made.damage) for k in range(1, min(len(one.images), SOLUTIONS))]
        cells.append(Cell(map_of(one.spread), f"mean {one.spread.mean():.1f}"))
    return cells


def cell_of(result: Restoration, k: int, damage: Damage) -> Cell:
    text = f"{db(result.likenesses[k].psnr)}" if result.likenesses else ""
    return Cell(result.images[k], text, mark(damage) if result.agreements[k].ignores else "")


def mark(damage: Damage) -> str:
    return IGNORES if damage.kind == "inpaint" else UNFIT


def db(value: float) -> str:
    return f"{value:.1f} dB" if np.isfinite(value) else "exact"


# JSON

def json_of(made: Restored) -> str:
    """Without what differs between two runs, such as seconds."""
    wish = made.wish
    facts = {"model": made.model, "digest": made.digest, "damage": made.damage.text, "simulated": not wish.damaged,
             "missing": int(missing_in(made.damage, made.images[0].task.shape).sum()), "seed": wish.seed,
             "space": made.space or None, "training": made.training or None, "extractor": made.eyes or None}
    methods = [{"method": method, "paper": METHODS[method].paper, "solutions": len(results[0].images),
                "distance": made.distances.get(method), "same_class": made.same.get(method),
                "ignores_what_is_known": sum(one.ignores for one in results)} for method, results in made.found.items()]
    pairs = [{"method": row.method, "against": row.against, "psnr_difference": row.difference, "low": row.low,
              "high": row.high, "n": row.n} for row in made.compared]
    images = [{"image": image.name, "class": image.label, "methods": {
        method: json_of_one(results[i]) for method, results in made.found.items()}}
        for i, image in enumerate(made.images)]
    return json.dumps({"restoration": facts, "methods": methods, "compared": pairs, "images": images}, indent=1,
                      allow_nan=False)


def json_of_one(result: Restoration) -> dict[str, Any]:
    several = len(result.images) > 1
    rows = []
    for k, fit in enumerate(result.agreements):
        alike = result.likenesses[k] if result.likenesses else None
        rows.append({"psnr": finite(alike.psnr if alike else None), "ssim": alike and alike.ssim,
                     "psnr_hole": finite(alike.psnr_hole if alike else None), "ssim_hole": alike and alike.ssim_hole,
                     "known_psnr": finite(fit.decibels), "ignores_what_is_known": fit.ignores})
    return {"solutions": rows, "spread": float(result.spread.mean()) if several else None}
