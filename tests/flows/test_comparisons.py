"""What the terminal says of a mixture: as the report, only a significant gain makes it one."""

import numpy as np
import pytest

from ganbench.flows.comparisons import helps, mixture_line
from ganbench.gan.ensemble import Held
from ganbench.gan.types import Estimate


def held(gain: float, se: float = 0.0001, shares: tuple[float, ...] = (0.6, 0.4)) -> Held:
    alone = Estimate(0.005, 0.0002)
    return Held(np.array(shares), 0.0, Estimate(0.005 - gain, 0.0002), 0, alone, Estimate(gain, se), 100, 100)


NONE = "No mixture of them was found to be significantly nearer to the real images than a alone."


@pytest.mark.parametrize(("found", "helpful", "said"), [
    (held(0.0006), True, "Best mixture: 60 % a, 40 % b; on images not used to choose it, its kernel distance is "
     "0.00440, 0.00060 less than that of a alone (95 %: 0.00040 to 0.00080)."),
    (held(0.0001), False, NONE), (held(-0.0006), False, NONE), (held(0.0, 0.0, (1.0, 0.0)), False, NONE),
])
def test_a_mixture_is_recommended_only_where_its_gain_is_significant(found, helpful, said):
    assert helps(found) == helpful
    assert mixture_line(found, ["a", "b"]) == said
