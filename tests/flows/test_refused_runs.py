"""What a flow's first task refuses is the message of the run, whichever flow it is."""

import pytest

from ganbench.flows.audit import attribute
from ganbench.flows.compare import compare
from ganbench.flows.condition import condition
from ganbench.flows.ensemble import ensemble
from ganbench.flows.evaluate import evaluate
from ganbench.flows.interpolate import interpolate
from ganbench.flows.invert import invert
from ganbench.flows.restore import restore
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


@pytest.mark.parametrize(("flow", "asked", "sentence"), [
    (interpolate, {"frames": 1}, "The value of --frames is 1, expected a number from 2, for the key images, to "
     "10,000."),
    (interpolate, {"photos": "none.png,none.png"}, "none.png cannot be read: No such file or directory."),
    (invert, {"images": []}, "No image was given, expected the paths of image files."),
    (invert, {"images": ["none.png"]}, "none.png cannot be read: No such file or directory."),
    (condition, {"asked": "boot", "n": 3}, "The value of --n is 3, expected at least 10."),
    (condition, {"asked": "boot", "out": "a.gif"}, "Images can be written as .npz, .parquet, .png or into a folder; "
     "--out a.gif is none of these."),
    (restore, {"image": ".", "damage": "inpaint", "n": 101}, "The value of --n is 101, expected 1 to 100 solutions."),
])
def test_what_a_task_with_latents_refuses_is_the_message_too(flow, asked, sentence, prefect_server, model):
    state = flow(model=model, **asked, return_state=True)
    assert state.is_failed()
    assert state.message == sentence
