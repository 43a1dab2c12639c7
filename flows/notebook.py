"""Commands as Python functions: `curves`, `interpolate`, `restore`, `augment` and `publish`, for notebooks and scripts.

They take the options of the command line by name, run in this process, without Prefect and MLflow, and return what was
found.  A notebook shows it as the terminal does, with its pictures below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ganbench.flows.screen import Grid, Line, Screen
from ganbench.gan import markup
from ganbench.gan.types import BadInput, Workspace

if TYPE_CHECKING:
    from ganbench.gan.question import Question

T = TypeVar("T")
KINDS = {".png": "image/png", ".gif": "image/gif", ".webp": "image/webp"}


@dataclass(frozen=True, eq=False)
class Shown(Generic[T]):
    """What a command found, with the text that it prints and its pictures, (MIME type, bytes)."""

    found: T
    screen: Screen
    pictures: tuple[tuple[str, bytes], ...] = ()

    def __repr__(self) -> str:
        return "\n".join(text_of(piece) for piece in self.screen)

    @property
    def html(self) -> str:
        return "".join(map(html_of, self.screen))

    def _ipython_display_(self) -> None:
        """The text, then every picture as an output of its own, which is also seen where HTML is not trusted."""
        from IPython.display import display

        display({"text/html": self.html, "text/plain": repr(self)}, raw=True)
        for kind, data in self.pictures:
            plain = {"text/plain": "A picture."}
            shown = {kind: data} if kind == "image/png" else {"text/html": markup.picture(kind, data)}
            display({**plain, **shown}, raw=True)


def text_of(piece: Grid | Line) -> str:
    if isinstance(piece, Line):
        return f"{piece.start}{piece.text}"
    return "\n".join([*([piece.title] if piece.title else []), markup.aligned(piece.heads, piece.rows)])


def html_of(piece: Grid | Line) -> str:
    if isinstance(piece, Line):
        start = piece.start.replace("- ", "\N{BULLET} ")
        return markup.paragraph(piece.text, start) if start or piece.text else ""
    return markup.table(piece.heads, piece.rows, piece.title, piece.numbers)


def quiet(stage: str, done: int = 0, total: int = 0) -> None:
    """A bar that is not shown."""


def options(group: type[T], given: dict[str, Any]) -> T:
    """The options of a command.  BadInput: it has none of this name."""
    known = [row.name for row in fields(group)]  # type: ignore[arg-type]
    wrong = next((name for name in given if name not in known), None)
    if wrong is not None:
        raise BadInput("unknown-argument", f"There is no option {wrong!r}, only {', '.join(known)}.")
    return group(**given)


def files_of(paths: Iterable[str | Path]) -> tuple[tuple[str, bytes], ...]:
    """Those that are pictures of a kind that notebooks show."""
    return tuple((KINDS[Path(path).suffix.lower()], Path(path).read_bytes()) for path in paths
                 if Path(path).suffix.lower() in KINDS)


def own_screen(screen: Screen) -> Screen:
    """Without the paths of files, which are shown."""
    return [piece for piece in screen if isinstance(piece, Grid) or not piece.whole]


# The commands

def curves(
    *logs: str | Path, recipe: str = "", healthy: Sequence[str | Path] = (), smoothing: float = 0.9
) -> Shown[Any]:
    """Learning curves from logs of any training, and what they show: see `ganbench curves`.

    `recipe`: a shipped one, before whose band of healthy runs they are drawn; `healthy`: or logs of healthy runs.
    """
    from ganbench.flows.curves import curves_screen, read_curves
    from ganbench.gan.curves.drawing import panels_of, picture

    found = read_curves([str(log) for log in logs], "", recipe, [str(log) for log in healthy], smoothing, "en")
    png = picture(panels_of(found.runs, smoothing, found.bands), found.runs, found.title)
    return Shown(found, curves_screen(found), (("image/png", png),))


def interpolate(model: str, out: str | Path, *, workspace: Workspace | None = None, **route: Any) -> Shown[Any]:
    """A film through images of a model, and how even it is: see `ganbench interpolate`; `route`: its options, such as
    seeds="3,8,21", frames=60, loop=True.  Beside a film that notebooks show stand some of its frames."""
    from ganbench.flows.interpolations import screen_of
    from ganbench.gan.films import film, write_strip
    from ganbench.gan.question import Opening, Route

    space = workspace or Workspace()
    found = film(quiet, model, options(Route, route), Path(out), Opening(), space)
    strip = Path(out).with_suffix(".frames.png")
    write_strip(found, strip)
    return Shown(found, own_screen(screen_of(found)), files_of([strip, out]))


def restore(
    image: str | Path, out: str | Path, model: str = "zoo:flow-fashion-mnist", *, workspace: Workspace | None = None,
    **wish: Any,
) -> Shown[Any]:
    """Damaged images, and what a model and classical methods make of them: see `ganbench restore`; `wish`: its options,
    such as damage="inpaint:box=12", n=3.  `out`: FILE.png, or a folder for every solution."""
    from ganbench.flows.restorations import screen_of
    from ganbench.gan.applications.restore.files import restoration
    from ganbench.gan.question import Opening, Repair

    space = workspace or Workspace()
    made, written = restoration(quiet, model, Path(image), Path(out), options(Repair, wish), Opening(), space)
    return Shown(made, own_screen(screen_of(made, written)), files_of(written[:1]))


def augment(model: str, out: str | Path = "", *, workspace: Workspace | None = None, **request: Any) -> Shown[Any]:
    """Whether a classifier learns more with a model's images: see `ganbench augment`; `request`: its options, such as
    data="fashion-mnist:train10k", per_class=5, seeds=2.  `out`: a folder for pictures."""
    from ganbench.flows.augmentations import screen_of
    from ganbench.gan.applications.augment.augmenting import augment as augmented
    from ganbench.gan.applications.augment.options import Augmentation
    from ganbench.gan.question import Opening

    space = workspace or Workspace()
    made = augmented(quiet, model, options(Augmentation, request), str(out), Opening(), space)
    return Shown(made, own_screen(screen_of(made)), files_of(made.files))


def publish(
    model: str, out: str | Path, question: Question | None = None, *, seed: int = 0,
    workspace: Workspace | None = None, **wish: Any,
) -> Shown[Any]:
    """The folder that is published of a model, and what stands in the way: see `ganbench publish folder`; `wish`: its
    options, such as licence="mit".  Nothing is sent."""
    from ganbench.flows.publications import folder_answer
    from ganbench.gan.hub.options import Publication
    from ganbench.gan.hub.publishing import publication
    from ganbench.gan.question import Opening, Question

    space, asked = workspace or Workspace(), options(Publication, wish)
    made = publication(quiet, model, Path(out), asked, question or Question(), Opening(), seed, space, 1)
    answer = folder_answer(made)
    return Shown(made, own_screen(answer.screen), files_of(answer.pictures))
