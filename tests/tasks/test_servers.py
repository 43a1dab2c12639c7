"""One `ganbench ui` at a time on a home folder."""

import pytest

from ganbench.gan.types import BadInput
from ganbench.tasks.servers import alone
from ganbench.tasks.settings import settings


def test_a_second_start_on_one_home_folder_is_refused_and_a_later_one_is_not():
    settings().root.mkdir(parents=True)
    with alone(), pytest.raises(BadInput, match="ganbench ui is just starting, or ending, on "), alone():
        pass
    with alone():
        pass
