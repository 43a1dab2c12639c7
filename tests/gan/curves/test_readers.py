"""Every format: one training gives one table, whoever logged it; damage is said by its place."""

import json
import shutil

import numpy as np
import pytest
import torch

from ganbench.gan.curves.names import canonical
from ganbench.gan.curves.readers import READERS, read_logs
from ganbench.gan.curves.table import table_of
from tests.gan.curves.writing import BEGUN, FORMATS, as_stylegan, training, write_csv
from tests.refusals import refused


def expected(rows):
    """metric -> steps, seconds, values."""
    found = {}
    for name in ("discriminator", "generator", "kid"):
        mine = [row for row in rows if name in row]
        found[name] = tuple(np.array([row[key] for row in mine], float) for key in ("step", "seconds", name))
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_one_run_gives_the_same_table_in_every_format(form, tmp_path):
    rows = training()
    (run,) = read_logs([FORMATS[form](tmp_path, rows)])
    table = table_of([run])
    assert set(table.metric) == {"discriminator", "generator", "kid"}
    assert set(table.run) == {run.name}
    for name, (step, seconds, value) in expected(rows).items():
        mine = table.metric == name
        np.testing.assert_array_equal(table.step[mine], step)
        np.testing.assert_allclose(table.value[mine], value, rtol=1e-6, atol=1e-6)
        known = np.isfinite(table.seconds[mine])
        np.testing.assert_allclose(table.seconds[mine][known], seconds[known], atol=1e-6)
    assert run.name in ("run", tmp_path.name)
    assert not run.restarts
    assert not run.caveats


def test_every_reader_is_tried_by_a_format(tmp_path):
    sources = set()
    for form, write in FORMATS.items():
        folder = tmp_path / form
        folder.mkdir()
        sources |= {run.source for run in read_logs([write(folder, training())])}
    assert set(READERS) - sources == {"json"} - sources


@pytest.mark.parametrize(("name", "to"), [
    ("loss_D", "discriminator"), ("Loss/D/loss", "discriminator"), ("d_loss", "discriminator"),
    ("train/D_loss", "discriminator"), ("errD", "discriminator"), ("discriminator", "discriminator"),
    ("critic_loss", "discriminator"), ("Loss/G/loss", "generator"), ("lossG", "generator"), ("g_loss", "generator"),
    ("D(x)", "d_real"), ("D(G(z))", "d_fake"), ("D_x", "d_real"), ("D_G_z1", "d_fake"),
    ("Loss/scores/real", "score_real"), ("loss_gp", "penalty"), ("gradient_penalty", "penalty"),
    ("Loss/r1_penalty", "penalty"), ("grad_norm/discriminator", "gradient_norm.discriminator"),
    ("grad_norm_G", "gradient_norm.generator"), ("grad_norm", "gradient_norm"), ("KID", "kid"),
    ("kid_judge.se", "kid_judge.se"), ("fid50k_full", "fid50k_full"), ("val/d_loss", "val/discriminator"),
    ("learning_rate", "learning_rate"), ("Progress/tick", "Progress/tick"), ("mse", "mse"),
])
def test_a_name_in_a_log_becomes_that_of_a_curve(name, to):
    assert canonical(name) == to
    assert canonical(to) == to


def test_a_later_start_overwrites_what_it_repeats_and_is_marked(tmp_path):
    steps = [*range(10, 110, 10), *range(60, 160, 10)]
    rows = [{"step": step, "loss_D": k} for k, step in enumerate(steps)]
    (run,) = read_logs([write_csv(tmp_path / "run.csv", rows, {"step": "step", "loss_D": "loss_D"})])
    series = run.series["discriminator"]
    assert run.restarts == (60,)
    np.testing.assert_array_equal(series.step, range(10, 160, 10))
    np.testing.assert_array_equal(series.value, [*range(5), *range(10, 20)])


def test_a_table_in_no_order_is_sorted_and_says_so(tmp_path):
    rows = [{"step": step, "x": -step} for step in range(100, 0, -1)]
    (run,) = read_logs([write_csv(tmp_path / "run.csv", rows, {"step": "step", "x": "x"})])
    np.testing.assert_array_equal(run.series["x"].step, range(1, 101))
    np.testing.assert_array_equal(run.series["x"].value, -np.arange(1, 101))
    assert [caveat.rule for caveat in run.caveats] == ["unsorted steps"]
    assert not run.restarts


def test_several_runs_of_a_table_stay_apart(tmp_path):
    rows = [{"run": name, "step": step, "loss": step * scale} for name, scale in (("a", 1), ("b", 2))
            for step in range(1, 6)]
    found = read_logs([write_csv(tmp_path / "both.csv", rows, {key: key for key in rows[0]})])
    assert [(run.name, run.series["loss"].value[-1]) for run in found] == [("a", 5), ("b", 10)]


def test_folders_below_are_runs_of_their_own(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        as_stylegan(tmp_path / name, training(20, seed=ord(name)))
    assert [run.name for run in read_logs([tmp_path])] == ["a/run", "b/run"]


def test_a_metric_file_of_stylegan_stands_at_the_images_of_its_snapshot(tmp_path):
    place = as_stylegan(tmp_path, training(20))
    line = {"results": {"fid50k_full": 12.5}, "metric": "fid50k_full", "total_time": 60.0,
            "snapshot_pkl": "network-snapshot-000200.pkl", "timestamp": BEGUN}
    (place / "metric-fid50k_full.jsonl").write_text(json.dumps(line) + "\n")
    (run,) = read_logs([place])
    assert (run.series["fid50k_full"].step.tolist(), run.series["fid50k_full"].value.tolist()) == ([200_000], [12.5])


def test_lists_of_losses_in_a_checkpoint_are_found_by_their_path(tmp_path):
    torch.save({"netG": {"weight": torch.ones(4, 4), "bias": torch.ones(64)},
                "losses": {"D": [0.5, 0.4, 0.3], "G": torch.linspace(1, 2, 32)}}, tmp_path / "ckpt.pth")
    (run,) = read_logs([tmp_path / "ckpt.pth"])
    assert {name: len(series) for name, series in run.series.items()} == {"discriminator": 3, "generator": 32}
    assert run.series["discriminator"].step.tolist() == [1, 2, 3]


def test_a_last_line_that_is_being_written_is_left_out(tmp_path):
    whole = "step,loss_D,loss_G\n1,0.5,1\n2,0.4,2\n"
    (tmp_path / "run.csv").write_text(whole + "3,0.")
    (run,) = read_logs([tmp_path / "run.csv"])
    assert run.series["discriminator"].step.tolist() == [1, 2]
    assert [caveat.rule for caveat in run.caveats] == ["cut off line"]
    (tmp_path / "run.jsonl").write_text('{"step": 1, "a": 2}\n{"step": 2, "a": 3}\n{"step": 3,')
    (run,) = read_logs([tmp_path / "run.jsonl"])
    assert run.series["a"].value.tolist() == [2, 3]


def test_what_is_no_log_is_refused_in_words(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "noise.bin").write_bytes(bytes(range(200, 256)) * 9)
    (tmp_path / "text.csv").write_text("a,b\nx,y\n")
    (tmp_path / "broken.jsonl").write_text('{"step": 1, "a": 2}\n{"step\n{"step": 3, "a": 1}\n')
    (tmp_path / "broken.csv").write_text("step,a\n1,2\n2\n3,4\n")
    (tmp_path / "notes.json").write_text('{\n "name": "x"\n}')
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pt")
    (tmp_path / "folder").mkdir()
    for name, code, *facts in (
        ("nothing.csv", "no-such-file"), ("empty.csv", "empty-file", 0), ("noise.bin", "unknown-log"),
        ("text.csv", "no-curves"), ("broken.jsonl", "damaged-log", 2), ("broken.csv", "damaged-log", 3),
        ("notes.json", "no-curves"), ("weights.pt", "no-curves"), ("folder", "no-curves"),
    ):
        with refused(code, str(tmp_path / name), *facts):
            read_logs([tmp_path / name])


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    torch.save({"history": [1.0, 2.0], "run": shutil.rmtree}, tmp_path / "x.pt")
    with refused("untrusted-code", "shutil.rmtree"):
        read_logs([tmp_path / "x.pt"])
