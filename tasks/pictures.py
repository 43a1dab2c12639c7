"""A picture of the model's images."""

from __future__ import annotations

import re

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.images import write_contact_sheet
from ganbench.gan.jobs import Job
from ganbench.gan.store import rows_of
from ganbench.gan.types import Samples


@task(name="picture", task_run_name="picture of {job.model.name}", persist_result=False, cache_policy=NO_CACHE)
def contact_sheet(job: Job, samples: Samples) -> str:
    """The first 64 images as a PNG in the home folder; -> its path."""
    name = re.sub(r"[^\w.-]+", "-", f"{job.model.name}-seed-{job.seed}-{job.model_digest[:8]}")
    path = job.workspace.root / "pictures" / f"{name}.png"
    write_contact_sheet(path, rows_of(samples.shards[0])["images"][:64])
    return str(path)
