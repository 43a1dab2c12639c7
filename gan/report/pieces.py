"""What the report's page is made of: numbers, tables and texts in both languages, as HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from ganbench.gan.numbers import DASH, english, french
from ganbench.gan.report.texts import both


def spans(pair: tuple[str, str]) -> str:
    """Both languages, escaped; the page shows one."""
    if pair[0] == pair[1]:
        return escape(pair[0])
    return f'<span lang="en">{escape(pair[0])}</span><span lang="fr">{escape(pair[1])}</span>'


def text(key: str, **facts: tuple[str, str] | str) -> str:
    return spans(both(key, **facts))


def attribute(name: str, pair: tuple[str, str]) -> str:
    """An attribute in English, with both languages beside it for the page's script."""
    en, fr = (escape(said) for said in pair)
    return f'{name}="{en}" data-en="{en}" data-fr="{fr}"'


def code(name: str) -> str:
    """A name that may be broken after its underscores."""
    return f"<code>{escape(name).replace('_', '_<wbr>')}</code>"


def slug(key: str) -> str:
    return key.replace(" ", "-")


def number(at: str, value: float | None, digits: int) -> str:
    """A number of the document at `at`, with its full value behind what is shown."""
    if value is None:
        return DASH
    return f'<data value="{value!r}" data-at="{at}">{spans((english(value, digits), french(value, digits)))}</data>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Cells are HTML already; the first one of a row is its head."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def paragraph(content: str, kind: str = "") -> str:
    return f'<p class="{kind}">{content}</p>' if kind else f"<p>{content}</p>"


def figure(caption: str, png: bytes, alt: tuple[str, str]) -> str:
    source = base64.b64encode(png).decode()
    return (f'<figure><img src="data:image/png;base64,{source}" {attribute("alt", alt)}>'
            f"<figcaption>{caption}</figcaption></figure>")


def percent(at: str, value: float) -> str:
    """`4.1 %` below ten percent, whole ones above."""
    digits = 1 if 0 < abs(value) < 0.0995 else 0
    shown = f"{english(100 * value, digits)}\N{NO-BREAK SPACE}%", f"{french(100 * value, digits)}\N{NO-BREAK SPACE}%"
    return f'<data value="{value!r}" data-at="{at}">{spans(shown)}</data>'


def p_value(at: str, value: float) -> str:
    shown = ("< 0.001", "< 0,001") if value < 0.001 else (english(value, 3), french(value, 3))
    return f'<data value="{value!r}" data-at="{at}">{spans(shown)}</data>'
