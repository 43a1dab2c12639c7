"""Films: what is written is read back, with its colours, and lasts as long as it should."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from ganbench.gan.animations import WRITERS, ticks, write_animation
from tests.refusals import refused


def frames(n=31, channels=3, side=40):
    """A light square that moves, so that no two frames are alike."""
    images = np.full((n, channels, side, side + 1), 30, np.uint8)
    for k in range(n):
        images[k, :, k : k + 8, 5:25] = 220
    return images


def shown(path):
    """Seconds and RGB frames."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            images = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
            return float(stream.duration * stream.time_base), images
    with Image.open(path) as film:
        images, seconds = [], 0.0
        for k in range(film.n_frames):
            film.seek(k)
            images.append(np.asarray(film.convert("RGB")))
            film.load()
            seconds += film.info["duration"] / 1000
    return seconds, images


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fps", [24, 30])
def test_a_film_has_its_frames_and_lasts_as_long(suffix, channels, fps, tmp_path):
    made = frames(channels=channels)
    write_animation(tmp_path / f"a{suffix}", made, fps)
    seconds, images = shown(tmp_path / f"a{suffix}")
    assert len(images) == 31
    assert abs(seconds - 31 / fps) <= 1 / fps
    height, width = 6 * 40, 6 * 41
    for image, frame in zip(images, made, strict=True):
        assert image.shape == (height, width, 3)
        wanted = frame.transpose(1, 2, 0).repeat(6, 0).repeat(6, 1).repeat(3 if channels == 1 else 1, 2)
        difference = np.abs(image.astype(int) - wanted)
        assert (difference.mean() < 4) if suffix == ".mp4" else (difference.max() <= 1)


def test_equal_frames_of_a_gif_are_one_that_is_shown_longer(tmp_path):
    made = frames(10)
    made[3:6] = made[3]
    write_animation(tmp_path / "a.gif", made, 25)
    seconds, images = shown(tmp_path / "a.gif")
    assert len(images) == 8
    assert seconds == pytest.approx(10 / 25)


@pytest.mark.parametrize(("n", "fps"), [(1, 30), (100, 30), (7, 12.5), (240, 23.976)])
@pytest.mark.parametrize("clock", [100, 1000])
def test_ticks_do_not_drift(n, fps, clock):
    found = ticks(n, fps, clock)
    assert len(found) == n
    assert abs(sum(found) - Fraction(n) * clock / Fraction(fps)) <= 1


def test_a_sheet_and_a_folder(tmp_path):
    write_animation(tmp_path / "a.png", frames(9), 30)
    write_animation(tmp_path / "folder", frames(9), 30)
    assert len(list((tmp_path / "folder").glob("*.png"))) == 9
    with Image.open(tmp_path / "a.png") as sheet:
        assert min(sheet.size) > 3 * 110


def test_what_cannot_be_written_is_told_before_it_is_drawn(tmp_path, monkeypatch):
    with refused("unknown-output-format", ".avi", ".webp"):
        write_animation(tmp_path / "a.avi", frames(2), 30)
    for fps in (0, 1e-5, 60):
        with refused("unfit-value", 50):
            write_animation(tmp_path / "a.gif", frames(2), fps)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with refused("output-exists", "full"):
        write_animation(tmp_path / "full", frames(2), 30)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with refused("missing-package", "ganbench[video]"):
        write_animation(tmp_path / "a.mp4", frames(2), 30)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    assert set(WRITERS) == {".gif", ".webp", ".mp4", ".png", ""}
