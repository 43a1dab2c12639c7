"""A comparison for people: one document, as a page that needs nothing else, as Markdown and as JSON."""

from ganbench.gan.report.write import write_report

__all__ = ["write_report"]
