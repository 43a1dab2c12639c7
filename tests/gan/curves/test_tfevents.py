"""Event files: what TensorBoard itself reads, and what happens where a file ends too early or is damaged."""

import struct
import time

import numpy as np
import pytest

from ganbench.gan.curves.readers import read_logs, run_of_events
from ganbench.gan.curves.tfevents import BLOCK, crc32c, crc_rows, long_crc, masked, read_events, read_records
from tests.gan.curves.writing import as_events, as_tensor_events, training
from tests.refusals import refused


@pytest.fixture
def events(tmp_path):
    (path,) = as_events(tmp_path, training(200)).iterdir()
    return path


def crc(data: bytes) -> int:
    return int(crc32c(np.frombuffer(data, np.uint8)[None])[0])


def record(data: bytes) -> bytes:
    def check(part: bytes) -> bytes:
        return struct.pack("<I", int(masked(np.array([crc(part)], np.uint32))[0]))

    length = struct.pack("<Q", len(data))
    return length + check(length) + data + check(data)


@pytest.mark.parametrize(("data", "checksum"), [
    (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"123456789", 0xE3069283),
])
def test_checksums_are_those_of_rfc_3720(data, checksum):
    assert crc(data) == checksum


@pytest.mark.parametrize("length", [2 * BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 77])
def test_long_data_have_the_same_checksum_in_blocks(length):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8)
    assert long_crc(data) == int(~crc_rows(data[None])[0])


@pytest.mark.parametrize("write", [as_events, as_tensor_events])
def test_tensorboard_reads_the_same(write, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    folder = write(tmp_path, training(200))
    theirs = EventAccumulator(str(folder), {"scalars": 0, "tensors": 0}).Reload()
    tensors = theirs.Tags()["tensors"]
    (path,) = folder.iterdir()
    mine, caveats = read_events(path)
    assert set(mine) == {*theirs.Tags()["scalars"], *tensors} == {"Loss/D", "Loss/G", "kid"}
    assert not caveats
    for tag, points in mine.items():
        told = theirs.Tensors(tag) if tag in tensors else theirs.Scalars(tag)
        values = [float(make_ndarray(one.tensor_proto)) if tag in tensors else one.value for one in told]
        np.testing.assert_array_equal(points.step[0], [one.step for one in told])
        np.testing.assert_array_equal(points.time[0], [one.wall_time for one in told])
        np.testing.assert_array_equal(points.value[0], values)


def test_pictures_histograms_and_texts_are_passed_over(tmp_path):
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
    from tensorboard.plugins.text.summary_v2 import text_pb

    from tests.gan.curves.writing import write_events

    def value_of(name, value):
        if name == "Loss/D":
            return Summary.Value(tag=name, histo=HistogramProto(min=0, max=1, bucket=[1.0] * 30))
        if name == "kid":
            return text_pb(name, "words").value[0]
        return Summary.Value(tag=name, simple_value=value)

    (path,) = write_events(tmp_path / "run", training(), value_of).iterdir()
    assert set(read_events(path)[0]) == {"Loss/G"}


def test_a_file_cut_off_anywhere_gives_the_whole_records_before(events, tmp_path):
    whole, data = read_records(events), events.read_bytes()
    ends = whole.start + whole.length + 4
    cut = tmp_path / "cut.tfevents.1"
    for size in np.random.default_rng(0).integers(len(data) // 3, len(data), 40):
        cut.write_bytes(data[:size])
        found = read_records(cut)
        assert len(found.start) == (ends <= size).sum()
        assert found.cut == size - ends[ends <= size].max()
        _, caveats = read_events(cut)
        assert [caveat.rule for caveat in caveats] == ["cut off"] * bool(found.cut)


def test_zeros_that_were_allotted_in_advance_are_an_end(events):
    n = len(read_records(events).start)
    events.write_bytes(events.read_bytes() + bytes(4_096))
    assert len(read_records(events).start) == n


def test_a_damaged_record_is_named_by_number_and_byte(events):
    records, data = read_records(events), bytearray(events.read_bytes())
    for place in np.random.default_rng(1).integers(0, len(data) - 100, 60):
        changed = bytearray(data)
        changed[place] ^= 0x10
        events.write_bytes(changed)
        at = int(np.searchsorted(records.start - 12, place, "right"))
        with refused("damaged-log", at, int(records.start[at - 1]) - 12):
            read_records(events)


def test_what_is_no_event_is_refused(tmp_path):
    path = tmp_path / "x.tfevents.1"
    path.write_bytes(record(b"\x07 no event") * 3)
    with refused("damaged-log", 1):
        read_events(path)


def test_a_second_file_of_a_folder_overwrites_the_steps_that_it_repeats(tmp_path):
    rows = training(40)
    first = next(as_events(tmp_path, rows[:30]).iterdir()).rename(tmp_path / "events.out.tfevents.1")
    again = [{**row, "discriminator": 7.0} for row in rows[20:]]
    second = next(as_events(tmp_path, again).iterdir()).rename(tmp_path / "events.out.tfevents.2")
    run = run_of_events("run", [first, second])
    series = run.series["discriminator"]
    np.testing.assert_array_equal(series.step, [row["step"] for row in rows])
    assert (series.value[20:] == 7).all()
    assert (series.value[:20] != 7).all()
    assert run.restarts == (rows[20]["step"],)


@pytest.mark.long
def test_a_million_points_are_read_within_30_seconds(tmp_path):
    from tests.gan.curves.writing import write_million

    folder, values = write_million(tmp_path / "run", record)
    begun = time.monotonic()
    (run,) = read_logs([folder])
    assert time.monotonic() - begun < 30
    assert run.points == 1_000_000
    for name, value in values.items():
        np.testing.assert_array_equal(run.series[name].value, value)
