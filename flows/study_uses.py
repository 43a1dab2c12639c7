"""The stages of a study that explore, apply, improve and hand on; see `ganbench.flows.studies`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.flows.options import command_line
from ganbench.flows.studies import Work, count, drawn, flow_of, held_out_images
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.applications.restore.comparing import LEAST
from ganbench.gan.hub.bundle import refusals
from ganbench.gan.hub.options import Publication
from ganbench.gan.images import write_folder
from ganbench.gan.numbers import decimals
from ganbench.gan.question import Repair, Route, Styling, Training, given
from ganbench.gan.report.templates import numerals, percentage
from ganbench.gan.report.texts import Bilingual
from ganbench.gan.specialise.target import design_of, write_cluster
from ganbench.gan.study.record import DONE, Found, Link
from ganbench.gan.study.texts import listed, said
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput

MAPPED = 1_000          # images on the map of the latent page
FRAMES, STOPS = 60, 4                                       # of the film
SEEDS, PER_CLASS = 3, 50                                    # of the classifiers
DAMAGE = "inpaint:box={side}"
ALIKE = 16              # images, of which that least like the first one gives its style
WORST = 2               # parts that are named


# Explore

def explore(work: Work) -> Found:
    from ganbench.flows.explorations import Scenery, export

    page = work.place("explore", "explore.html")
    size = export(work.show, [work.model], work.trust, "seed=0",
                  Scenery(MAPPED, "pca", str(work.real.learnt)), page)
    command = command_line("explore", [work.model], work.trust, export=page, map=MAPPED,
                           reference=work.real.learnt)
    return Found("explore", DONE, (said("page", size=numerals(size / 1e6, 1)),),
                 (Link(work.name(page), ("explore.html", "explore.html")),), command=command)


def interpolate(work: Work) -> Found:
    from ganbench.flows.interpolations import numbers_of, screen_of
    from ganbench.gan.films import write_strip

    flow = flow_of("interpolate")
    route, out = Route(seeds=",".join(map(str, range(STOPS))), frames=FRAMES, loop=True), work.place(
        "interpolate", "film.webp")
    film, _ = flow(work.model, **given(route), out=str(out), **given(work.trust))
    strip = work.place("interpolate", "strip.png")
    write_strip(film, strip)
    ratio = film.evenness[film.kind][1]
    sentences = [said("film", frames=count(route.frames), kind=film.kind, space=film.space, ratio=numerals(ratio, 2))]
    if film.smoothness:
        digits, value = decimals(film.smoothness.found.se), film.smoothness.found
        sentences.append(said("smooth", space=film.space, value=numerals(value.value, digits),
                              se=numerals(value.se, digits)))
    return work.found(
        "interpolate", sentences, screen_of(film), command_line("interpolate", [work.model], route, out=out),
        title=film.model, picture=strip, alt="film strip", links={out: (out.name, out.name)},
        numbers=numbers_of(film))


# Apply

def augment(work: Work) -> Found:
    from ganbench.flows.augmentations import numbers_of, screen_of

    flow = flow_of("augment")
    request = Augmentation(str(work.real.all), per_class=PER_CLASS, seeds=SEEDS, factors="1,4", arms="flips and shifts",
                           steps=work.plan.classifier, seed=work.asked.seed, leave_out=True)
    out = work.place("augment", "arms")
    made, _ = flow(work.model, **given(request), out=str(out), **given(work.trust))
    verdict = made.found.verdict
    gain = verdict.gain
    sentences = [said(verdict.state, real=count(made.found.grid.real), gain=signed(gain.value), low=signed(gain.low),
                      high=signed(gain.high))]
    return work.found(
        "augment", sentences, screen_of(made), command_line("augment", [work.model], request, out=out),
        title=f"{made.found.spec.name} for {work.real.name}", picture=Path(made.files[0]), alt="accuracy",
        numbers=numbers_of(made))


def signed(value: float) -> Bilingual:
    one, other = numerals(value, 1)
    return (one, other) if value < 0 else (f"+{one}", f"+{other}")


def restore(work: Work) -> Found:
    from ganbench.flows.restorations import numbers_of, screen_of
    flow = flow_of("restore")
    folder, out = work.place("restore", "images"), work.place("restore", "sheet.png")
    shutil.rmtree(folder, ignore_errors=True)
    write_folder(held_out_images(work, LEAST), folder)
    wish = Repair(DAMAGE.format(side=max(2, 3 * work.real.shape[1] // 8)), training=str(work.real.learnt),
                  seed=work.asked.seed)
    made, _ = flow(str(folder), work.model, **given(wish), out=str(out), **given(work.trust))
    numbers = numbers_of(made)
    sentences = list[Bilingual]()
    for row in made.compared[:1]:
        sentences.append(said("restored", damage=made.damage.text, method=row.method, n=count(row.n),
                              psnr=numerals(numbers[f"psnr.{row.method}"], 1)))
        sentences.append(said("better" if row.wins else "not better", against=row.against,
                              difference=numerals(row.difference, 1), low=numerals(row.low, 1),
                              high=numerals(row.high, 1)))
    command = command_line("restore", [work.model], wish, image=folder, out=out)
    return work.found("restore", sentences, screen_of(made, [str(out)]), command, title=made.damage.text, picture=out,
                      alt="restored images",
                      numbers={key: value for key, value in numbers.items() if not key.startswith("seconds")})


def stylize(work: Work) -> Found:
    from ganbench.flows.stylizations import numbers_of, screen_of
    flow = flow_of("stylize")
    styling, out = Styling("0:0", f"0:{least_alike(work)}", seed=work.asked.seed), work.place("stylize", "strip.png")
    made, _ = flow(work.model, **given(styling), out=str(out), **given(work.trust))
    found = made.found
    sentences = [said("style", left=percentage(found.left), judge=made.judge)]
    if found.kept is not None:
        sentences.append(said("class kept" if found.kept else "class lost"))
    return work.found("stylize", sentences, screen_of(made), command_line("stylize", [work.model], styling, out=out),
                      title=made.model, picture=out, alt="style strip", numbers=numbers_of(made))


def least_alike(work: Work) -> int:
    """Of the first images, the one whose pixels differ most from those of image 0."""
    first, *others = (image.astype(np.float64) for image in drawn(work.model, work, ALIKE))
    return 1 + int(np.argmax([np.square(image - first).mean() for image in others]))


# Improve, share

def specialise(work: Work) -> Found:
    """Advice: which classes or clusters the model draws worst, and the command that goes on there."""
    scores = json.loads(work.place("evaluate", "scores.json").read_text("utf-8"))
    parts = sorted((row for row in scores.get("slices", ()) if row["metric"].startswith("kid")),
                   key=lambda row: -row["value"])[:WORST]
    if not parts:
        return Found("specialise", DONE, (said("no weak parts"),))
    names = [part_of(row["slice"]) for row in parts]
    sentences = [said("weak parts", parts=listed([said(f"{kind} of", name=name) for kind, name in names]))]
    numbers, picture, target = numbers_of_parts(parts), "", Training()
    if names[0][0] == "class":
        target = Training(data=str(work.real.all), classes=",".join(name for _, name in names))
    elif found := images_of_cluster(work, int(names[0][1])):
        picture, target = work.name(found[0].with_suffix(".png")), Training(data=str(found[1]), held_out=str(found[0]))
    try:
        design_of(work.model, work.spec)
        command = command_line("specialise", [work.model], target) if target.data else ""
        sentences.append(said("goes on", command="ganbench specialise"))
    except BadInput:
        command = ""
        sentences.append(said("no recipe"))
    alt = said("images of cluster", name=names[0][1]) if picture else ("", "")
    return Found("specialise", DONE, tuple(sentences), (), picture, alt, numbers, command)


def images_of_cluster(work: Work, cluster: int) -> tuple[Path, Path] | None:
    """The held-out images of a cluster, with a picture beside them, and those to learn from; None: too few of these."""
    both = Training(data=str(work.real.held_out), held_out=str(work.real.learnt))
    with single_threaded():
        there, more, _ = write_cluster(both, cluster, False, work.folder / "specialise", work.workspace, lambda n: None)
    return (there, more) if more else None


def part_of(name: str) -> tuple[str, str]:
    """`class boot` -> class, boot."""
    kind, _, rest = name.partition(" ")
    return kind, rest


def numbers_of_parts(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {f"{row['metric']}.{row['slice'].replace(' ', '_')}": row["value"] for row in parts}


def publish(work: Work) -> Found:
    """The folder that could be sent, and what speaks against that."""
    from ganbench.flows.publications import screen_of

    flow, question = flow_of("publish"), work.question()
    out, wish = work.folder / "publish" / "model", Publication(licence=work.asked.licence)
    shutil.rmtree(out, ignore_errors=True)
    made, _ = flow(work.model, **given(wish), **given(question), seed=work.asked.seed, out=str(out),
                   **given(work.trust))
    why = refusals(out)
    sentences = [said("planned files", n=count(len(made.parts)),
                      size=numerals(sum(part.size for part in made.parts) / 1e6, 1))]
    sentences += [said("obstacles", what=str(one)) for one in why]
    files = {out / part.name: (part.name, part.name) for part in made.parts}
    command = command_line("publish folder", [work.model], wish, question, work.trust, seed=work.asked.seed, out=out)
    return work.found("publish", sentences, screen_of(made), command, title=made.title, links=files,
                      numbers={"files": len(made.parts), "obstacles": len(why)})
