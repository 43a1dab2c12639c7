"""Strengths and weaknesses of a generator: statistical tests on pixels, features and labels -> findings."""

from ganbench.gan.findings.analysis import Analysis, analyse
from ganbench.gan.findings.evidence import Evidence, Images
from ganbench.gan.findings.gathering import evidence_of

__all__ = ["Analysis", "Evidence", "Images", "analyse", "evidence_of"]
