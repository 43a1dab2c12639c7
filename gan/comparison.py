"""Several models under one protocol, from their names to a ranking that shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ganbench.gan import markup
from ganbench.gan.compare import Ranking
from ganbench.gan.compare import compare as rankings_of
from ganbench.gan.ensemble import LEAST, Held, mixture_of
from ganbench.gan.evaluate import Started, Threads, all_features, all_samples, begin_scores, end_scores, submit
from ganbench.gan.findings.analysis import Analysis, analyse
from ganbench.gan.findings.gathering import evidence_of
from ganbench.gan.jobs import Job, asked_protocol, distinct, prepare
from ganbench.gan.models.loading import model_file
from ganbench.gan.protocols import with_count
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.shown import Scores, html_notes, notes_of
from ganbench.gan.store import store_of
from ganbench.gan.tables import (
    SOME,
    ScoreTable,
    mixture_line,
    ranked_rows,
    remarks,
    score_table,
    verdict_line,
    weaknesses,
)
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, ModelSpec, Protocol, Workspace


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found; a notebook shows it as a leaderboard.

    `models`: by the model's name, what opens it; `scores`; `rankings`: of every metric, the leading one first;
    `mixture`: of these models in their order; `analyses`: strengths and weaknesses, by the model's name.  Both are None
    where there are too few images.
    """

    models: Mapping[str, str]
    scores: Mapping[str, Scores]
    rankings: tuple[Ranking, ...]
    mixture: Held | None
    analyses: Mapping[str, Analysis | None]

    @property
    def best(self) -> str:
        """The first of the leading ranking; others may share its rank."""
        return self.rankings[0].models[0]

    @property
    def table(self) -> ScoreTable:
        """The best model first."""
        return score_table(self.scores, self.rankings)

    @property
    def verdict(self) -> list[str]:
        """Which model is the best, and whether several together are better."""
        mixed = [mixture_line(self.mixture, list(self.scores))] if self.mixture else []
        return [verdict_line(self.rankings[0]), *mixed]

    def ensemble(self, name: str = "ensemble") -> ModelSpec:
        """The mixture as a model, which `evaluate`, `sample` and `compare` accept.

        BadInput: it was not looked for, since there are too few images.
        """
        if self.mixture is None:
            raise BadInput("too-few-images", f"A mixture is looked for from {LEAST} images of each model on.")
        kept = {model: round(float(share), 6) for model, share in zip(self.models.values(), self.mixture.shares,
                strict=True) if share >= SOME}
        arguments = {"models": list(kept), "shares": list(kept.values())}
        return ModelSpec(name, family="mixture", arguments=arguments)

    def rows_of(self, extractor: str) -> tuple[list[str], list[list[str]]]:
        """Heads and rows of the models' scores by the features of one extractor; real images come last."""
        metrics = {score.metric for scores in self.scores.values() for score in scores if score.extractor == extractor}
        return ranked_rows(self.table, metrics, extractor, self.rankings[0])

    @property
    def weaknesses(self) -> Mapping[str, Sequence[str]]:
        """What was found to be wrong with each model, in sentences, the best model first."""
        said = weaknesses(self.analyses)
        return {model: said[model] or ["Nothing stands out."] for model in self.table.columns if model in said}

    @property
    def extractors(self) -> list[str]:
        return list(dict.fromkeys(name for scores in self.scores.values() for name in scores.extractors))

    def __repr__(self) -> str:
        grids = [markup.aligned(*self.rows_of(extractor)) for extractor in self.extractors]
        wrong = [f"{model}: {' '.join(said)}" for model, said in self.weaknesses.items()]
        return "\n".join([*self.verdict, *grids, *remarks(self.rankings), *wrong, *notes_of(self.table)])

    def _repr_html_(self) -> str:
        """For notebooks."""
        grids = [markup.table(*self.rows_of(extractor), title=f"Features of {extractor}" if extractor else "")
                 for extractor in self.extractors]
        said = map(markup.paragraph, remarks(self.rankings))
        wrong = markup.bullets("What is wrong with the models", self.weaknesses)
        return "".join([*map(markup.paragraph, self.verdict), *grids, *said, wrong, html_notes(self.table)])


def compare(
    models: Sequence[str | ModelSpec],
    protocol: str | Protocol | Question = "",
    *,
    n: int | None = None,
    seed: int = 0,
    workspace: Workspace | None = None,
    workers: int | None = None,
) -> Comparison:
    """Models under one protocol: scores, ranks as far as chance allows, and the best mixture; a notebook shows it as a
    table.

    `models`: two or more of what `load` takes.  The rest is as for `evaluate`, with which it shares everything that
    is stored.
    """
    workspace = workspace or Workspace()
    with single_threaded(), Threads(workers) as threads:
        jobs = jobs_of(models, protocol, n, seed, workspace)
        started = submit(jobs, threads)
        begun = [begin_scores(job, found, threads, jobs) for job, found in zip(jobs, started, strict=True)]
        scores = {job.model.name: Scores(end_scores(job, found)) for job, found in zip(jobs, begun, strict=True)}
        names = {job.model.name: model if isinstance(model, str) else model_file(job.model, workspace)
                 for job, model in zip(jobs, models, strict=True)}
        analyses = {job.model.name: analysis_of(job, one) for job, one in zip(jobs, started, strict=True)}
        return Comparison(names, scores, tuple(rankings_of(scores)), mixed(jobs, started, workspace), analyses)


def jobs_of(
    models: Sequence[str | ModelSpec], protocol: str | Protocol | Question, n: int | None, seed: int,
    workspace: Workspace,
) -> list[Job]:
    """An evaluation of each model, all under one protocol."""
    if isinstance(protocol, Protocol):
        chosen = with_count(protocol, n)
        specs = distinct(models, workspace, chosen.preprocessing)
    else:
        asked = Question(protocol) if isinstance(protocol, str) else protocol
        asked = replace(asked, n=n or asked.n)
        specs = distinct(models, workspace, protocol_of(asked).preprocessing)
        chosen = asked_protocol(asked, specs, workspace)
    return [prepare(spec, chosen, seed, workspace) for spec in specs]


def analysis_of(job: Job, started: Started) -> Analysis | None:
    """Strengths and weaknesses of one model."""
    evidence = evidence_of(job, all_samples(job, started), all_features(job, started))
    return analyse(evidence, store_of(job.workspace))[0] if evidence else None


def mixed(jobs: Sequence[Job], started: Sequence[Started], workspace: Workspace) -> Held | None:
    """The shares of the mixture nearest to the reference, by the features that lead."""
    sets = [all_features(job, found)[job.lead] for job, found in zip(jobs, started, strict=True)]
    if "reference" not in sets[0] or min(sets[0]["reference"].n, jobs[0].protocol.n_generated) < LEAST:
        return None
    return mixture_of([one["generated"] for one in sets], sets[0]["reference"], store_of(workspace))[0]
