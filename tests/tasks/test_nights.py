"""A night's metrics in MLflow, and the page of a history."""

from dataclasses import replace

from ganbench.gan.nightly.history import History
from ganbench.gan.nightly.tables import history_table
from ganbench.gan.nightly.views import protocols_of
from ganbench.tasks.nights import history_page, in_markdown, metrics_at, pictures_of
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


def test_the_page_says_what_the_last_night_found_and_holds_everything_itself(tmp_path):
    nights = season(History(tmp_path, "garments"), [0.0, 1.0, None, 0.5, 30.0])
    page = history_page(nights, "garments & more", pictures_of(nights, "garments"))
    assert "history of garments &amp; more" in page
    assert "5 nights, 2026-11-01 to 2026-11-05" in page
    assert "a fell behind" in page
    assert page.count("data:image/png;base64,") == 1
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert page.count('<th scope="row"') == 1 + 4       # the verdict, and a row for each snapshot


def test_what_a_user_named_is_text_in_pages(tmp_path):
    (night,) = season(History(tmp_path, "garments"), [0.0])
    (one,) = night.observations
    named = replace(night, observations=(replace(one, entry="<b>a|b</b>", snapshot="<i>"),))
    page = history_page([named], "s", pictures_of([named], "s"))
    assert "<b>" not in page
    assert "&lt;b&gt;a|b&lt;/b&gt;: &lt;i&gt;" in page
    rows = in_markdown(history_table([named], one.protocol))
    assert len({line.replace("\\|", "").count("|") for line in rows if line}) == 1      # as many cells in every row
