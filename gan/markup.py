"""Results as pieces of HTML: what a notebook shows below a cell.  Without styles of their own, so that they are as dark
or light as the page around them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

LEFT, RIGHT, WHOLE = "text-align: left", "text-align: right", "white-space: nowrap"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", numbers: bool = True) -> str:
    """Rows of texts, the first of each its name; `numbers`: the other columns stand to the right and are not broken."""
    body = "".join(row_of(row, "td", numbers) for row in rows)
    grid = f"<table><thead>{row_of(heads, 'th', numbers)}</thead><tbody>{body}</tbody></table>"
    return f"{paragraph('', title) if title else ''}<div style='overflow-x: auto'>{grid}</div>"


def row_of(texts: Sequence[str], tag: str, numbers: bool) -> str:
    whole = [numbers or not k for k in range(len(texts))]
    styles = [f"{RIGHT if numbers and k else LEFT}{f'; {WHOLE}' if one else ''}" for k, one in enumerate(whole)]
    cells = (f"<{tag} style='{style}'>{escape(text)}</{tag}>" for style, text in zip(styles, texts, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def paragraph(text: str, start: str = "") -> str:
    """A sentence after a start in bold."""
    return f"<p>{f'<b>{escape(start)}</b>' if start else ''}{escape(text)}</p>"


def picture(kind: str, data: bytes) -> str:
    """An image file of a MIME type that has no output of its own in notebooks, such as films."""
    return f"<img alt='film' src='data:{kind};base64,{b64encode(data).decode()}'>"


def bullets(title: str, said: Mapping[str, Sequence[str]]) -> str:
    """Sentences by what they are about, below a title; nothing where there are none."""
    rows = (f"<li><b>{escape(name)}</b><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul></li>"
            for name, texts in said.items())
    return f"{paragraph('', title)}<ul>{''.join(rows)}</ul>" if said else ""


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same rows as plain text, in columns."""
    lines = [tuple(heads), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.rjust(width) if k else text.ljust(width)
                               for k, (text, width) in enumerate(zip(line, widths, strict=True))).rstrip()
                     for line in lines)
