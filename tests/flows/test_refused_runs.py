"""What a flow's first task refuses is the message of the run, whichever flow it is."""

import pytest

from ganbench.flows.audit import attribute
from ganbench.flows.compare import compare
from ganbench.flows.ensemble import ensemble
from ganbench.flows.evaluate import evaluate
from ganbench.gan.types import BadInput

FLOWS = {
    "evaluate": (evaluate, lambda one, other: {"model": one}),
    "compare": (compare, lambda one, other: {"models": [other, one]}),
    "ensemble": (ensemble, lambda one, other: {"models": [other, one], "out": "mixture.toml"}),
    "attribute": (attribute, lambda one, other: {"model": one}),
}


@pytest.mark.parametrize("name", FLOWS)
def test_too_few_images_are_said_in_the_state_and_raised_to_who_waits(name, prefect_server, noise, garments):
    from ganbench.tasks.settings import configure

    configure()
    flow, models = FLOWS[name]
    few, enough = str(noise("few.npz", 20, (1, 32, 32))), str(noise("enough.npz", 40, (1, 32, 32)))
    asked = {**models(few, enough), "reference": str(garments), "n": 30, "extractor": "pixels"}
    state = flow(**asked, return_state=True)
    assert state.is_failed()
    assert state.message == "few.npz has 20 images, but 30 are to be measured: give --n 20."
    with pytest.raises(BadInput, match="has 20 images"):
        state.result()
