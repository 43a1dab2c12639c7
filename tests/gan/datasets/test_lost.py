"""Folders as the world has them: what is read, what is not and is told, and what ends in a sentence."""

import io
import os
import socket
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from ganbench import evaluate
from ganbench.gan import watching
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.pictures import OTHERS, SUFFIXES
from ganbench.gan.question import Question
from ganbench.gan.words import CAVEATS, caution
from tests.refusals import refused

RANDOM = np.random.default_rng(3)


def picture(mode="L"):
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "CMYK": (4,)}[mode]
    return Image.fromarray(RANDOM.integers(0, 256, (16, 16, *channels), np.uint8), mode if mode == "CMYK" else None)


@pytest.fixture
def fill(tmp_path):
    """Write n pictures into a folder: fill(60, ".avif") -> the folder."""

    def write(n, suffix=".png", mode="L", name="data", begin="", **options):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for i in range(n):
            picture(mode).save(folder / f"{begin}{suffix[1:]}{i:03d}{suffix}", **options)
        return folder

    return write


def opened(path, resize=None):
    return open_data(str(path), DataFolders(None, path.parent / "cache"), resize)


def told(images):
    return {caveat.rule: caution(caveat) for caveat in images.lost}


# What Pillow reads is read


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_60_png_and_60_avif_are_120_images(fill):
    fill(60)
    found = opened(fill(60, ".avif"))
    assert (found.n, found.lost) == (120, ())


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG", ".jp2", ".tga", ".pnm", ".qoi", ".apng", ".pcx", ".ico"])
def test_endings_that_pillow_knows_are_read(fill, suffix):
    folder = fill(2)
    mode = "RGB" if suffix == ".qoi" else "L"
    kind = {".jfif": "JPEG", ".jpe": "JPEG", ".JPG": "JPEG", ".pnm": "PPM", ".apng": "PNG"}.get(suffix)
    if suffix == ".qoi" and "QOI" not in Image.SAVE:
        pytest.skip("this Pillow writes no QOI")
    picture(mode).save(folder / f"x{suffix}", kind)
    assert opened(folder).n == 3


def test_endings_that_mean_something_else_are_not():
    assert not SUFFIXES & {".h5", ".ps", ".eps", ".pdf", ".mpg", ".pcd"}
    assert not SUFFIXES & OTHERS


# What is not read is counted


@pytest.mark.parametrize(("names", "said"), [
    ([f"{i}.heic" for i in range(60)], "60 files in data that may be or hold images were not read (60 .heic)"),
    (["a.heic", "b.jxl", "c.svg", "d.jxl"], "4 files in data that may be or hold images were not read "
                                            "(2 .jxl, 1 .heic, 1 .svg)"),
    (["old.zip", "train.tar"], "(1 .tar, 1 .zip)"),
])
def test_what_may_be_images_is_counted_by_its_ending(fill, names, said):
    folder = fill(2)
    for name in names:
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic")
    assert said in told(opened(folder))["unread"]


def test_pictures_without_an_ending_and_links_to_nothing_are_counted(fill):
    folder = fill(3)
    for i in range(2):
        (folder / f"sha{i}").write_bytes((folder / "png000.png").read_bytes())
    (folder / "more").symlink_to("/nowhere/more")
    (folder / "README").write_text("read me")
    (folder / ".hidden.png").write_bytes(b"x")
    found = told(opened(folder))
    assert found["no ending"].startswith("2 files in data begin as images do")
    assert found["broken links"].startswith("1 links in data lead to nothing")
    assert found["hidden"].startswith("1 hidden files in data")
    assert len(found) == 3


def test_other_files_are_nobodys_loss(fill):
    folder = fill(3)
    for name in ("labels.csv", "LICENSE", "stats.npz", "notes.md", "._png000.png", ".DS_Store", "dataset.json"):
        (folder / name).write_bytes(b"text")
    assert opened(folder).lost == ()


def test_an_archive_says_it_too(fill, tmp_path):
    folder = fill(3)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
        archive.writestr("b.heic", b"x")
        archive.writestr("__MACOSX/._png000.png", b"x")
    assert "1 files in a.zip that may be or hold images were not read (1 .heic)" in told(opened(tmp_path / "a.zip"))[
        "unread"]


def test_images_beside_folders_of_classes_lose_the_classes_and_that_is_told(fill, tmp_path):
    fill(2)
    for name in ("cat", "dog"):
        os.rename(fill(3, name=name), tmp_path / "data" / name)
    found = opened(tmp_path / "data")
    assert found.labels is None
    assert "2 folders as if of classes, but 2 images beside them" in told(found)["unlabelled"]


# What is lost of a picture is counted


def animated(path):
    picture().save(path, save_all=True, append_images=[picture(), picture()], duration=50)


def half_transparent(path):
    image = picture("RGBA")
    image.putalpha(Image.fromarray(np.full((16, 16), 128, np.uint8)))
    image.save(path)


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture("RGB").save(path, exif=exif)


def with_profile(path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    picture("RGB").save(path, icc_profile=lab)


def in_inks(path):
    picture("CMYK").save(path)


@pytest.mark.parametrize(("write", "suffix", "rule"), [
    (animated, ".gif", "animated"), (animated, ".webp", "animated"), (animated, ".tif", "animated"),
    (animated, ".png", "animated"), (half_transparent, ".png", "transparent"),
    (half_transparent, ".webp", "transparent"),
    (turned, ".jpg", "turned"), (turned, ".webp", "turned"), (in_inks, ".jpg", "print colours"),
    (with_profile, ".png", "profile"),
])
def test_what_can_change_a_score_is_a_warning_with_a_count(fill, write, suffix, rule):
    folder = fill(4, mode="RGB")
    for i in range(2):
        write(folder / f"x{i}{suffix}")
    found = opened(folder)
    assert found.n == 6
    assert list(told(found)) == [rule]
    assert told(found)[rule].startswith("2 of the 6 images of data ")


def opaque(path):
    picture("RGBA").convert("RGB").convert("RGBA").save(path)


def upright(path):
    exif = Image.Exif()
    exif[0x0112] = 1
    picture("RGB").save(path, exif=exif)


def in_srgb(path):
    picture("RGB").save(path, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@pytest.mark.parametrize(("write", "suffix"), [(opaque, ".png"), (upright, ".jpg"), (in_srgb, ".jpg"),
                                               (lambda path: picture().save(path), ".gif")])
def test_what_cannot_is_none(fill, write, suffix):
    folder = fill(4, mode="RGB")
    write(folder / f"x{suffix}")
    assert opened(folder).lost == ()


def test_images_in_a_parquet_file_are_looked_at_too(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def encoded(write):
        write(tmp_path / "x.png")
        return (tmp_path / "x.png").read_bytes()

    cells = [encoded(half_transparent), encoded(opaque), encoded(half_transparent)]
    pq.write_table(pa.table({"image": cells}), tmp_path / "a.parquet")
    assert told(opened(tmp_path / "a.parquet"))["transparent"].startswith("2 of the 3 images of a.parquet")


def test_the_other_arrays_and_columns_of_a_file_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = RANDOM.integers(0, 256, (3, 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, x_test=images, y=np.arange(3), mu=np.zeros(4))
    assert told(opened(tmp_path / "a.npz"))["one of several"] == (
        "of a.npz only images was read, although x_test may hold images, too")
    picture().save(tmp_path / "x.png")
    cells = [(tmp_path / "x.png").read_bytes()] * 3
    pq.write_table(pa.table({"image": cells, "mask": cells, "id": [1, 2, 3]}), tmp_path / "a.parquet")
    assert "only image was read, although mask" in told(opened(tmp_path / "a.parquet"))["one of several"]


def test_squeezing_is_counted(fill):
    folder = fill(3)
    Image.new("L", (20, 10)).save(folder / "wide.png")
    assert told(opened(folder, 8))["squeezed"].startswith("1 of the 4 images")


def test_it_stands_beside_every_score_of_either_side(fill, workspace):
    model, real = fill(20, name="model"), fill(20, name="real")
    (model / "x.heic").write_bytes(b"x")
    half_transparent(real / "x.png")
    scores = evaluate(str(model), Question(reference=str(real), extractor="pixels", colours="grey"),
                      workspace=workspace)
    for score in scores:
        assert {"unread", "transparent"} <= {caveat.rule for caveat in score.caveats}


@pytest.mark.parametrize("rule", ["unread", "unlabelled", "animated", "transparent", "turned", "print colours",
                                  "profile", "squeezed", "part", "hidden", "no ending", "broken links",
                                  "links upwards"])
def test_it_is_said_in_both_languages(rule):
    english, french = CAVEATS[rule]
    assert english != french


# What is no picture is a sentence that names it


def fifo(path):
    os.mkfifo(path)


def a_socket(path, held=[]):  # noqa: B006 - a socket lives as long as somebody holds it
    held.append(socket.socket(socket.AF_UNIX))
    here = os.getcwd()
    os.chdir(path.parent)                                   # a socket's path may have 107 bytes
    held[-1].bind(path.name)
    os.chdir(here)


def endless(path):
    with path.open("wb") as file:
        file.truncate(10**12)


@pytest.mark.parametrize(("make", "code", "said"), [
    (lambda path: path.symlink_to("/nowhere/x.png"), "no-such-file", "/nowhere/x.png"),
    (lambda path: path.symlink_to(path.name), "unreadable-file", "bad.png"),
    (fifo, "not-a-file", "a named pipe"), (a_socket, "not-a-file", "a socket"),
    (lambda path: path.symlink_to("/dev/zero"), "not-a-file", "a device"),
    (endless, "too-large", 200_000_000), (lambda path: path.touch(), "empty-file", "0 bytes"),
    (lambda path: path.write_text("<html>"), "not-an-image", "bad.png"),
])
def test_a_picture_that_is_none_is_named(fill, make, code, said):
    folder = fill(3)
    make(folder / "bad.png")
    with refused(code, "bad.png", said):
        opened(folder)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".webp", ".bmp", ".tif", ".ppm", ".tga", ".jp2"])
def test_a_truncated_picture_is_found_before_any_work(fill, suffix):
    path = fill(3, suffix) / f"{suffix[1:]}001{suffix}"
    path.write_bytes(path.read_bytes()[: -max(8, path.stat().st_size // 3)])
    with refused("not-an-image", path.name):
        opened(path.parent)


def test_a_jpeg_whose_thumbnail_is_whole_is_truncated_all_the_same(fill):
    folder = fill(3, ".jpg")
    thumbnail = io.BytesIO()
    picture().save(thumbnail, "JPEG")
    exif = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail.getvalue()
    big = Image.fromarray(RANDOM.integers(0, 256, (64, 64), np.uint8))
    big.save(folder / "cut.jpg", exif=exif, quality=95)
    data = (folder / "cut.jpg").read_bytes()
    assert b"\xff\xd9" in data[:-1_500]
    (folder / "cut.jpg").write_bytes(data[:-1_200])
    with refused("not-an-image", "cut.jpg"):
        opened(folder, 16)


def test_a_decompression_bomb_is_refused_by_its_header(fill):
    folder = fill(2)
    Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    with refused("too-large", "bomb.png", 400_000_000):
        opened(folder)


@pytest.mark.parametrize("target", ["..", "/", "."])
def test_a_link_to_a_folder_above_is_no_way_out(fill, target):
    folder = fill(3)
    (folder / "again").symlink_to(target)
    found = opened(folder)
    assert found.n == 3
    assert told(found)["links upwards"].startswith("1 links in data lead to a folder that it lies in")


def test_a_link_to_another_folder_is_followed(fill):
    (fill(3) / "more").symlink_to(fill(4, name="elsewhere"))
    assert opened(fill(0)).n == 7


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "x.pt", "x.parquet", "x.zip", "x.pth"])
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path, workspace, name):
    from ganbench.gan.models.loading import resolve

    os.mkfifo(tmp_path / name)
    with refused("not-a-file", name):
        resolve(str(tmp_path / name), workspace)
    with refused("not-a-file", name):
        opened(tmp_path / name)


@pytest.mark.parametrize("name", ["x.npz", "x.pth", "x.toml", "x.parquet", "x.zip", "x.safetensors"])
def test_an_endless_file_is_refused_at_once(tmp_path, workspace, name):
    from ganbench.gan.models.loading import resolve
    from ganbench.gan.types import BadInput

    endless(tmp_path / name)
    with pytest.raises(BadInput, match=name):
        resolve(str(tmp_path / name), workspace)


def test_a_folder_that_cannot_be_read_is_named(fill, monkeypatch):
    folder = fill(2)
    (folder / "secret").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with refused("unreadable-file", "secret", "Permission denied"):
        opened(folder)


def test_a_scan_tells_how_far_it_is(fill, monkeypatch):
    monkeypatch.setattr(watching, "EVERY", 5)
    heard = []
    folder = fill(12)
    with watching.watching(lambda source, files: heard.append((source, files))):
        opened(folder)
    assert (str(folder), 10) in heard
