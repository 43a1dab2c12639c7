"""The metrics of a night in MLflow."""

from dataclasses import replace

from ganbench.gan.nightly.history import History
from ganbench.gan.nightly.views import protocols_of
from ganbench.tasks.nights import metrics_at
from tests.gan.nightly.test_history import season


def test_each_protocol_has_metrics_of_its_own_whichever_a_night_begins_with(tmp_path):
    (night,) = season(History(tmp_path, "garments"), [0.0])
    (one,) = night.observations
    other = replace(one, protocol="q", scores={name: replace(value, value=7.0) for name, value in one.scores.items()})
    both = replace(night, number=2, observations=(other, one))
    protocols = protocols_of([night, both])
    alone, beside = metrics_at(night, protocols), metrics_at(both, protocols)
    assert alone.items() <= beside.items()
    (added,) = {name for name, value in beside.items() if value == 7.0}
    assert added.split("/") == [f"{next(iter(alone)).split('/')[0]}-2", one.entry]
