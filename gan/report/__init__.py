"""The report of a comparison: one document, as a self-contained HTML page, as Markdown and as JSON."""

from ganbench.gan.report.write import write_report

__all__ = ["write_report"]
