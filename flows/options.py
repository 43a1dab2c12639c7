"""Functions that take groups of options, as if each option were a parameter of its own.

A group is a frozen dataclass of `ganbench.gan.question.option` fields.  Typer and Prefect read a function's signature;
here a parameter that stands for a group is replaced by the group's options in that signature, and filled again when the
function is called.  So an option is declared in its group and nowhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

import typer

from ganbench.gan.question import Option, option, options_of

# name, type, option, default, panel -> annotation, default
Annotate = Callable[[str, Any, Option, Any, str], tuple[Any, Any]]


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
    runner: str | None = option(None, "Runner", "Where shards are processed: threads, dask or ray.")
    debug: bool = option(False, "Debug", "Show the traceback of an error, and Prefect's log.")


def on_command_line(**groups: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a command: its parameters of these names are groups; each option becomes `--option`."""
    return spread(as_flag, groups)


def in_form(**groups: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the function of a flow: its parameters of these names are groups; each option becomes a field of
    Prefect's form, with title and help, and a list where only some names can be chosen."""
    return spread(as_field, groups)


def as_flag(name: str, kind: Any, option: Option, default: Any, panel: str) -> tuple[Any, Any]:
    """The annotation that Typer reads, and the default."""
    flag = f"--{name.replace('_', '-')}"
    shown = typer.Option(flag, help=option.help, metavar=option.metavar or None, rich_help_panel=panel)
    return Annotated[kind, shown], default


def as_field(name: str, kind: Any, option: Option, default: Any, panel: str) -> tuple[Any, Any]:
    """The annotation that Prefect's form is made of, and what the form begins with."""
    shown = default if option.shown is None else option.shown
    if option.choices:
        return Annotated[names_of(option.choices) | None, form(option.title, option.help)], shown or None
    limits = {} if option.least is None else {"ge": option.least}
    return Annotated[kind, form(option.title, option.help, **limits)], shown


def form(title: str, description: str, **limits: Any) -> Any:
    """A field of Prefect's form; a field's own title would give way to the parameter's name."""
    from pydantic import Field

    return Field(json_schema_extra={"title": title, "description": description}, **limits)


def names_of(table: str) -> Any:
    """The names of a table of `ganbench.gan.protocols`, as a type."""
    from ganbench.gan import protocols

    return Literal[tuple(getattr(protocols, table))]


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

        call.__name__, call.__qualname__ = function.__name__, function.__qualname__
        call.__module__, call.__doc__ = function.__module__, function.__doc__
        call.__signature__ = outer  # type: ignore[attr-defined]
        call.__annotations__ = {name: row.annotation for name, row in outer.parameters.items()} | {
            "return": signature.return_annotation}
        return call

    return decorate


def parameters_of(some: Some, annotate: Annotate) -> list[inspect.Parameter]:
    hints, options = get_type_hints(some.group), options_of(some.group)
    defaults = {row.name: row.default for row in fields(some.group)}
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
                 if value is None or (of_form and options[name].shown == value)}
    return some.group(**{name: defaults[name] if name in untouched else value for name, value in taken.items()})
