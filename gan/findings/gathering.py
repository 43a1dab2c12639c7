"""From an evaluation to the evidence of an analysis."""

from __future__ import annotations

from collections.abc import Mapping

from ganbench.gan.findings.evidence import LEAST, Evidence, Images
from ganbench.gan.jobs import Job, classes_of, match_of
from ganbench.gan.parts import is_finite
from ganbench.gan.types import Features, Samples


def evidence_of(
    job: Job, samples: Mapping[str, Samples], features: Mapping[str, Mapping[str, Features]]
) -> Evidence | None:
    """`samples` by role, `features` by extractor and role, of which the first extractor is used.  None where the
    reference is a file of statistics, or there are too few images."""
    lead, judge = job.lead, features.get(job.protocol.judge or "", {})
    if "reference" not in samples or min(samples["generated"].n, samples["reference"].n) < LEAST:
        return None
    sets = {role: Images(found, features[lead][role], judge.get(role)) for role, found in samples.items()}
    known = is_finite(job.parts["generated"], job.workspace) and match_of(job).common
    return Evidence(sets["generated"], sets["reference"], sets.get("held_out"), sets.get("training"), classes_of(job),
                    asked=not known)
