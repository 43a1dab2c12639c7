"""The leaderboard as text: what is bold, where rules stand, and that no digit is lost."""

import csv
import io
from dataclasses import replace

import pytest

from ganbench.gan.naming import brief, data_name
from ganbench.gan.numbers import DASH
from ganbench.gan.report.leaderboard import as_csv, as_latex, as_markdown, columns_of, groups_of, in_latex
from ganbench.gan.tables import Cell, Row
from tests.gan.report.sample import document


def with_cells(*cells, better="higher"):
    """A document of which the only metric is recall_net, with these cells."""
    found = document(names=tuple("abc"[: len(cells)]))
    return replace(found, table=replace(found.table, rows=(Row("recall_net", better, cells),)))


def cell(value, se=0.014, **changes):
    return replace(Cell(value, se, value - 0.028, value + 0.028, 0.827, 3), **changes)


def test_latex_has_booktabs_rules_and_only_the_best_is_bold():
    lines = as_latex(with_cells(cell(0.523, best=True), cell(0.061), None)).whole().splitlines()
    assert lines == [
        r"\begin{tabular}{lr}", r"\toprule", r" & \multicolumn{1}{c}{net} \\", r"\cmidrule(lr){2-2}",
        r"model & recall $\uparrow$ \\", r"\midrule",
        r"a & $\mathbf{0.523} \pm 0.014$ \\", r"b & $0.061 \pm 0.014$ \\", r"c & -- \\",
        r"\midrule", r"real images & $0.827$ \\", r"\bottomrule", r"\end{tabular}",
    ]


def test_a_share_of_no_image_is_a_limit_in_latex_and_markdown():
    found = with_cells(cell(0.0, bound="most", high=0.00138, decimals=5))
    assert as_latex(found).rows == ("a & $\\leq 0.00138$ \\\\\n",)
    assert "≤ 0.00138" in as_markdown(found).rows[0]


def test_names_are_safe_in_latex():
    assert in_latex("50%_of {a}&b\\c~") == r"50\%\_of \{a\}\&b\textbackslash{}c\textasciitilde{}"


def test_csv_reads_back_as_the_same_numbers_and_names():
    made = document(names=('a,"b"', "c\nd", "e"))
    rows = list(csv.DictReader(io.StringIO(as_csv(made).whole())))
    assert [row["model"] for row in rows] == [*made.table.columns, "real images"]
    for column in columns_of(made):
        assert [float(row[column.row.name]) for row in rows[:3]] == [found.value for found in column.row.cells]
        assert [float(row[f"{column.row.name}_se"]) for row in rows[:3]] == [found.se for found in column.row.cells]


def test_markdown_rows_have_as_many_cells_as_the_head_whatever_names_hold():
    lines = as_markdown(document(names=("a|b", "c", "d"))).whole().replace(r"\|", "").splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 2 + 3 + 1


def test_every_form_has_a_row_for_each_model_in_the_documents_order():
    made = document(names=tuple("abcde"))
    for form in (as_csv, as_latex, as_markdown):
        text = form(made)
        assert len(text.rows) == 5
        assert all(name in row for name, row in zip("abcde", text.rows, strict=True))
        assert all(row.endswith("\n") for row in text.rows)


def test_a_column_is_a_metric_that_decides_below_its_extractor():
    made = document()
    columns = columns_of(made)
    assert [column.row.name for column in columns] == ["kid_net", "fd_net", "precision_net", "recall_net"]
    assert [column.label for column in columns] == [("KID", "KID"), ("FD", "FD"), ("precision", "précision"),
                                                    ("recall", "rappel")]
    assert groups_of(columns) == [("net", 4)]


def test_a_rank_that_is_not_sure_is_a_range():
    made = document()
    assert as_markdown(made).rows[1].startswith(f"| flow | 2{DASH}3 |")
    assert as_csv(made).rows[1].startswith("flow,2-3,")


# Names

@pytest.mark.parametrize(("names", "short"), [
    (["dcgan-fashion-mnist", "gpt-fashion-mnist"], ["dcgan", "gpt"]),
    (["run/a.pt", "run/b.pt"], ["a", "b"]),
    (["dcgan", "dcgan-fashion-mnist"], ["dcgan", "dcgan-fashion-mnist"]),
    (["mnist-a", "mnist-b-a"], ["mnist", "mnist-b"]),
    (["alone-model"], ["alone-model"]),
])
def test_what_all_names_share_is_left_out_and_they_stay_different(names, short):
    assert brief(names) == short
    assert len(set(short)) == len(names)


@pytest.mark.parametrize(("reference", "name"), [
    ("fashion-mnist:test", "Fashion-MNIST"), ("cifar10:train", "CIFAR-10"), ("emoji:train", "Emoji"),
    ("/data/My photos", "My photos"), ("faces.npz", "faces.npz"),
])
def test_data_sets_are_called_as_people_write_them(reference, name):
    assert data_name(reference) == name
