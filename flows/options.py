"""Functions that take groups of options, as if each option were a parameter of its own.

A group is a frozen dataclass of `ganbench.gan.question.option` fields.  Typer and Prefect read a function's signature;
here a parameter that stands for a group is replaced by the group's options in that signature, and filled again when the
function is called.  So an option is declared in its group and nowhere else.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer

from ganbench.gan.question import Option, given, option, options_of

# name, type, option, default, panel -> annotation, default
Annotate = Callable[[str, Any, Option, Any, str], tuple[Any, Any]]
F = TypeVar("F", bound=Callable[..., Any])

MORE = "more"       # the parameter of a flow that holds what a form's cards were filled in with
KNOWN = {           # what comes with ganbench, beside free text
    "ZOO": {"title": "Zoo", "description": "The models that come with ganbench."},
    "RECIPES": {"title": "Known", "description": "Kinds of models for your images, then the shipped models."},
}
SIMPLE = {str: "string", Path: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True)
class Some:
    """Some of the options of a group; the others stay at their defaults."""

    group: Any
    names: Sequence[str]


@dataclass(frozen=True)
class Machine:
    """Paths, parallelism and debugging; these options do not affect results."""

    PANEL: ClassVar[str] = "Machine"

    inception_weights: Path | None = option(
        None, "Inception weights", "The 2015 Inception weights, where they cannot be downloaded.")
    weights: list[str] | None = option(
        None, "Weights", "Weights of an extractor: a file, or a Hugging Face folder.", metavar="NAME=PATH")
    device: str | None = option(None, "Device", "cpu, cuda, cuda:1, ...")
    workers: int | None = option(
        None, "Workers", "Shards processed at a time, one thread each. Changes no result.", least=1)
    batch_size: int | None = option(
        None, "Batch size", "Images between two saves: a killed run loses at most these. Changes no result.", least=1)
    runner: str | None = option(None, "Runner", "Where shards are processed: threads, processes, dask or ray.")
    debug: bool = option(False, "Debug", "Show the traceback of an error, and Prefect's log.")


def on_command_line(**groups: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a command: its parameters of these names are groups; each option becomes `--option`."""
    return spread(as_flag, groups)


def in_form(**groups: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the function of a flow: its parameters of these names are groups; each option becomes a parameter, and a
    field of the form that `formed` makes.  Further settings also come as the form sends them: by card, in `more`."""
    from ganbench.tasks.progress import conducted
    from ganbench.tasks.refusals import in_words

    spreading = spread(as_field, groups)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        flat = spreading(function)
        signature = inspect.signature(flat)
        more = inspect.Parameter(
            MORE, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=dict[str, dict[str, Any] | None] | None)

        def call(*args: Any, **kwargs: Any) -> Any:
            return flat(*args, **as_given(kwargs))

        whole = signature.replace(parameters=[*signature.parameters.values(), more])
        return described(in_words(conducted(call)), function, whole)

    return decorate


def as_given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a flow, with the settings of the cards among the others."""
    cards = [card for card in (parameters.get(MORE) or {}).values() if card]
    settings = {name: value for card in cards for name, value in card.items() if value is not None}
    return {name: value for name, value in parameters.items() if name != MORE} | settings


def as_flag(name: str, kind: Any, option: Option, default: Any, panel: str) -> tuple[Any, Any]:
    """The annotation that Typer reads, and the default."""
    shown = typer.Option(flag_of(name, option), help=option.help, metavar=option.metavar or None, rich_help_panel=panel)
    return Annotated[kind, shown], default


def flag_of(name: str, option: Option) -> str:
    return option.flag or f"--{name.replace('_', '-')}"


def command_line(name: str, words: Sequence[str], *groups: Any, **more: Any) -> str:
    """The command that does the same as a flow: what is named, and the options that are not at their defaults.
    `more`: options of no group, of which those that are empty or 0 are left out."""
    flags = [(flag_of(key, options_of(type(group))[key]), value)
             for group in groups for key, value in given(group).items()]
    flags += [(flag_of(key, Option("", "")), value) for key, value in more.items() if value]
    said = [word for flag, value in flags for one in (value if isinstance(value, list) else [value])
            for word in ([flag] if one is True else [flag, shlex.quote(str(one))])]
    return " ".join(["ganbench", name, *map(shlex.quote, words), *said])


def as_field(name: str, kind: Any, option: Option, default: Any, panel: str) -> tuple[Any, Any]:
    """The annotation that `formed` reads, and what the form begins with.  What may be chosen is checked by the flow,
    whose sentences are better than Prefect's."""
    shown = default if option.shown is None else option.shown
    return Annotated[kind | None if option.choices else kind, option], shown


def spread(annotate: Annotate, groups: dict[str, Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """See the module."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function, eval_str=True)
        several = {name: some if isinstance(some, Some) else Some(some, tuple(options_of(some)))
                   for name, some in groups.items()}
        parameters = [
            new for name, parameter in signature.parameters.items()
            for new in (parameters_of(several[name], annotate) if name in several else [parameter])
        ]
        first = next(i for i, row in enumerate(parameters) if row.kind == row.KEYWORD_ONLY)
        outer = signature.replace(
            parameters=[row if i < first else row.replace(kind=row.KEYWORD_ONLY) for i, row in enumerate(parameters)])

        def call(*args: Any, **kwargs: Any) -> Any:
            bound = outer.bind(*args, **kwargs)
            bound.apply_defaults()
            rest = dict(bound.arguments)
            filled = {name: fill(some, rest, annotate is as_field) for name, some in several.items()}
            return function(**rest, **filled)

        return described(call, function, outer)

    return decorate


def described(call: F, function: Callable[..., Any], signature: inspect.Signature) -> F:
    """`call` with the name and words of `function` and with this signature."""
    call.__name__, call.__qualname__ = function.__name__, function.__qualname__
    call.__module__, call.__doc__ = function.__module__, function.__doc__
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {name: row.annotation for name, row in signature.parameters.items()} | {
        "return": signature.return_annotation}
    return call


def parameters_of(some: Some, annotate: Annotate) -> list[inspect.Parameter]:
    hints, options = get_type_hints(some.group), options_of(some.group)
    defaults = {row.name: inspect.Parameter.empty if row.default is MISSING else row.default
                for row in fields(some.group)}
    found = []
    for name in some.names:
        annotation, default = annotate(name, hints[name], options[name], defaults[name], some.group.PANEL)
        found.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation))
    return found


def fill(some: Some, arguments: dict[str, Any], of_form: bool) -> Any:
    """Take the options of a group out of a call's arguments.  What a form left empty, or as it began, was not given: so
    the protocol that it begins with does not count where a reference is."""
    options, defaults = options_of(some.group), {row.name: row.default for row in fields(some.group)}
    taken = {name: arguments.pop(name) for name in some.names}
    untouched = {name for name, value in taken.items()
                 if defaults[name] is not MISSING and (value is None or (of_form and options[name].shown == value))}
    return some.group(**{name: defaults[name] if name in untouched else value for name, value in taken.items()})


# Prefect's form

def formed(flow: F) -> F:
    """Give a flow the form that its options describe: few fields first, the others in cards that a person opens.

    Prefect makes forms of a flow's signature.  Both of its renderers show a type `int | None` as two tabs, and a value
    that has a default as optional; so the form's signature differs from the function's.
    """
    from prefect.utilities.callables import parameter_schema

    flow.__signature__ = form_of(inspect.signature(flow.fn, eval_str=True))  # type: ignore[attr-defined]
    flow.parameters = parameter_schema(flow)  # type: ignore[attr-defined]
    return flow


def form_of(signature: inspect.Signature) -> inspect.Signature:
    """A parameter for each of the first fields, and one for all cards."""
    first: dict[str, dict[str, Any]] = {}
    needed = {name for name, row in signature.parameters.items() if is_needed(row.default)}
    cards: dict[str, dict[str, dict[str, Any]]] = {}
    for name, parameter in signature.parameters.items():
        kind, option = option_in(parameter.annotation)
        if option:
            place = cards.setdefault(option.card, {}) if option.card else first
            place[name] = field_of(kind, option, parameter.default) | {"position": len(place)}
    if cards:
        first[MORE] = folded(cards) | {"position": len(first)}
    return inspect.Signature([in_signature(name, field, name in needed) for name, field in first.items()])


def option_in(annotation: Any) -> tuple[Any, Option | None]:
    """The type, and the option that describes it."""
    kind, *rest = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    return kind, next((one for one in rest if isinstance(one, Option)), None)


def field_of(kind: Any, option: Option, default: Any) -> dict[str, Any]:
    """A field of a form as JSON schema.  Where free text is allowed beside a choice, the choice has no type: Prefect's
    classic pages would take the text for one of the choices."""
    schema = schema_of(kind, tuple(names_of(option.choices)) if option.choices else ())
    if option.least is not None:
        schema["minimum"] = option.least
    said = (option.said or option.help).replace("`", "")     # the V2 pages show them as they are
    if option.text:
        schema = {"anyOf": [
            {"type": "string", "title": option.text, "description": said},
            {"enum": schema["enum"], **KNOWN[option.choices]},
        ]}
    else:
        schema["description"] = said
    begins = default if option.shown is None else option.shown
    empty = begins is inspect.Parameter.empty or not is_needed(begins)
    return {"title": option.title, **schema} | ({} if empty else {"default": begins})


def is_needed(default: Any) -> bool:
    """Whether a field always has a value: there is no default, or one that is not empty."""
    return default is not None and default != ""


def schema_of(kind: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON schema of a type; `X | None` is an X that may be left empty."""
    kinds = [one for one in get_args(kind) if one is not NoneType]
    if get_origin(kind) is Literal:
        return {"type": "string", "enum": list(kinds)}
    if get_origin(kind) is list:
        return {"type": "array", "items": schema_of(kinds[0], names)}
    if kinds:
        return schema_of(kinds[0], names)
    return {"type": SIMPLE[kind]} | ({"enum": list(names)} if names else {})


def folded(cards: Mapping[str, Mapping[str, dict[str, Any]]]) -> dict[str, Any]:
    """The cards behind a switch."""
    shown = {
        slug(card): {"title": card, "type": "object", "properties": dict(held), "position": i,
                     "required": [name for name, field in held.items() if "default" in field]}
        for i, (card, held) in enumerate(cards.items())
    }
    return {
        "title": "More settings", "default": None,
        "anyOf": [{"type": "null", "title": "As usual"},
                  {"type": "object", "title": "Change", "properties": shown}],
    }


def slug(card: str) -> str:
    return card.lower().replace(" ", "_")


def in_signature(name: str, field: dict[str, Any], needed: bool) -> inspect.Parameter:
    from pydantic import Field

    optional: dict[str, Any] = {} if needed else {"default_factory": lambda: None}
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Any, Field(json_schema_extra=field, **optional)])


def names_of(table: str) -> list[str]:
    """ZOO, RECIPES, FITS, PATHS, or the names of a table of `ganbench.gan.protocols`."""
    from ganbench.gan import protocols
    from ganbench.gan.models import names

    if table == "ZOO":
        return [f"zoo:{name}" for name in sorted(names.zoo_names(names.ZOO), key=lambda name: (is_stage(name), name))]
    if table == "RECIPES":
        from ganbench.gan.recipes import RECIPES
        from ganbench.gan.recipes.own import DESIGNS

        return [*DESIGNS, *RECIPES]
    if table == "FITS":
        from ganbench.gan.photos import FITS

        return list(FITS)
    if table == "PATHS":
        from ganbench.gan.latent.paths import KINDS

        return list(KINDS)
    return list(getattr(protocols, table))


def is_stage(name: str) -> bool:
    """Whether a model of the zoo is another one before the end of its training."""
    return name.endswith(("-start", "-early"))
