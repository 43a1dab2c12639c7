"""One `ganbench ui` at a time on a home folder."""


from ganbench.tasks.servers import alone
from ganbench.tasks.settings import settings
from tests.refusals import refused


def test_a_second_start_on_one_home_folder_is_refused_and_a_later_one_is_not():
    settings().root.mkdir(parents=True)
    with alone(), refused("already-running"), alone():
        pass
    with alone():
        pass
