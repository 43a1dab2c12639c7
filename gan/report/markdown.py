"""The report as Markdown, in English, with pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan.report import verdict
from gan.report.numbers import DASH, decimals, english, significant
from gan.report.pictures import GALLERIES
from gan.report.texts import both


def markdown(document: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """`pictures`: id -> the file's name, counted from the report."""
    protocol, models = document["protocol"], document["models"]
    names = [escaped(model["name"]) for model in models]
    lines = [f"# {', '.join(names)}", "", escaped(protocol["name"]), "", "## Verdict", ""]
    lines += [f"- {escaped(line)}" for line, _ in verdict.sentences(document)]
    lines += ["", "## Scores", "", f"| metric | {' | '.join(names)} | real images |"]
    lines.append("|---|" + "---:|" * (len(names) + 1))
    for i, metric in enumerate(document["metrics"]):
        first = next(model["scores"][i] for model in models if model["scores"][i]["value"] is not None)
        cells = [cell(document, m, i) for m in range(len(models))]
        lines.append(f"| `{metric['name']}` | {' | '.join(cells)} | {floor(first)} |")
    lines += ["", "Bold: no other model is significantly better.", ""]
    walls = [(f"{i}-wall", name) for i, name in enumerate(names)] + [("real-wall", "real images")]
    for identity, name in walls:
        if identity in pictures:
            lines += [f"![The first images of {name}]({pictures[identity]})", "", name, ""]
    for i, (name, model) in enumerate(zip(names, models, strict=True)):
        lines += strengths(i, name, model, pictures)
    lines += costs(document, names)
    lines += ["## How it was measured", "", f"{english(protocol['n'])} images of each model, seed {protocol['seed']}, "
              f"against {escaped(protocol['reference'])}; protocol digest `{protocol['digest']}`.", ""]      # fmt: skip
    lines += [f"    {command}" for command in document["provenance"]["commands"]]
    lines += ["", f"Made {document['made']}"]
    return "\n".join(lines) + "\n"


def strengths(i: int, name: str, model: Mapping[str, Any], pictures: Mapping[str, str]) -> list[str]:
    """What was found of a model, the shares of its slices, and its galleries."""
    found = model["analysis"]
    if not found:
        return []
    lines = [f"## {name}: strengths and weaknesses", ""]
    if model["leads"]:
        lines.append(f"- leads: {both('leads by', metrics=', '.join(model['leads']))[0]}")
    lines += [f"- {row['severity']}: {escaped(row['sentence']['en'])}" for row in found["findings"]]
    lines += ["", f"| {found['by']} | share | of real images |", "|---|---:|---:|"]
    lines += [f"| {escaped(row['name'])} | {100 * row['share']['value']:.1f} ± {100 * row['share']['se']:.1f} % "
              f"| {100 * row['real_share']['value']:.1f} % |" for row in found["slices"]]      # fmt: skip
    lines.append("")
    for gallery in GALLERIES:
        if f"{i}-{gallery}" in pictures:
            caption = both(f"gallery {gallery}")[0]
            lines += [f"![{caption}]({pictures[f'{i}-{gallery}']})", "", caption, ""]
    return lines


def cell(document: Mapping[str, Any], m: int, i: int) -> str:
    score, name = document["models"][m]["scores"][i], document["models"][m]["name"]
    if score["value"] is None:
        return DASH
    digits = decimals(score["se"])
    leads = any(name in row["leaders"] for row in document["rankings"] if row["metric"] == score["metric"])
    value = f"{english(score['value'], digits)} ± {english(score['se'], digits)}"
    return f"**{value}**" if leads else value


def floor(score: Mapping[str, Any]) -> str:
    return DASH if score["floor"] is None else english(score["floor"], decimals(score["se"]))


def costs(document: Mapping[str, Any], names: list[str]) -> list[str]:
    rows = []
    for name, model in zip(names, document["models"], strict=True):
        cost = model["cost"]
        values = [cost["parameters"], cost["evaluations"], cost["images_per_second"]]
        shown = [DASH if value is None else english(value, min(1, significant(value, 3))) for value in values]
        rows.append(f"| {name} | {' | '.join(shown)} |")
    heads = ["## Quality and cost", "", "| model | parameters | evaluations per image | images per second |",
             "|---|---:|---:|---:|"]      # fmt: skip
    return [*heads, *rows, ""]


def escaped(text: str) -> str:
    """Letters that Markdown or HTML would take for their own."""
    for letter in "\\`*_[]<>|":
        text = text.replace(letter, f"\\{letter}" if letter not in "<>" else {"<": "&lt;", ">": "&gt;"}[letter])
    return text
