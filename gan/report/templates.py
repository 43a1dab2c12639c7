"""HTML from the files in `templates`: values are escaped, unless they are HTML made by a template."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ganbench.gan.numbers import DASH, decimals, english, french, significant
from ganbench.gan.report.charts import COLOURS, Chart, form_of
from ganbench.gan.report.strengths import slice_place
from ganbench.gan.report.texts import FIXED, Bilingual, both, day
from ganbench.gan.tables import BOUNDS

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def render(name: str, **facts: Any) -> str:
    """A file of `templates`, rendered with these values."""
    return environment().get_template(name).render(**facts)


def svg(chart: Chart) -> str:
    """A chart by itself."""
    module: Any = environment().get_template("chart.svg").module
    return str(module.svg(chart))


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, extensions=["jinja2.ext.do"],
    )
    made.filters |= {"exact": repr, "tenth": tenth}
    made.tests["lacking"] = lambda found, name: slice_place(found, name) is None
    made.tests["drawn"] = lambda name, charts: charts[f"class-{name}"] is not None
    made.globals |= {
        "both": both, "decimals": decimals, "significant": significant, "numerals": numerals, "percentage": percentage,
        "p_value": p_value, "megabytes": megabytes, "day": day, "COLOURS": COLOURS, "form_of": form_of,
        "DASH": DASH, "BOUNDS": BOUNDS, "FIXED": FIXED, "POLICY": POLICY,
        "style": own("style.css"), "script": own("page.js"), "report_script": own("report.js"), "game": own("play.js"),
        "curves_script": own("curves.js"),
    }
    return made


def tenth(value: float) -> str:
    """Pixels with one decimal, without a needless zero."""
    return f"{value:.1f}".removesuffix(".0")


def own(name: str) -> Markup:
    """A file of this package that is inserted into a page unchanged."""
    return Markup((HERE / name).read_text("utf-8"))


def numerals(value: float, digits: int) -> Bilingual:
    return english(value, digits), french(value, digits)


def percentage(value: float) -> Bilingual:
    """`4.1 %`, without decimals from 10 % on."""
    en, fr = numerals(100 * value, 1 if 0 < abs(value) < 0.0995 else 0)
    return f"{en}{FIXED}%", f"{fr}{FIXED}%"


def p_value(value: float) -> Bilingual:
    return ("< 0.001", "< 0,001") if value < 0.001 else numerals(value, 3)


def megabytes(value: int) -> Bilingual:
    en, fr = numerals(value / 1e6, significant(value / 1e6, 2))
    return f"{en} MB", f"{fr} Mo"
