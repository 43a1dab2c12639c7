"""One training as every tool would have logged it."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

BEGUN = 1_700_000_000.0
Rows = list[dict[str, float]]           # step, seconds, then metrics by their canonical names; a metric may be lacking


def training(n: int = 60, seed: int = 0) -> Rows:
    """Every 50 steps two losses with three decimals, one of them once NaN; every 500 steps a KID."""
    random = np.random.default_rng(seed)
    rows: Rows = []
    for k in range(1, n + 1):
        row = {"step": 50 * k, "seconds": round(0.5 * (k - 1), 3), "discriminator": round(random.normal(0.9, 0.2), 3),
               "generator": round(random.normal(1.6, 0.4), 3)}
        if k % 10 == 0:
            row["kid"] = round(random.uniform(0.01, 0.2), 3)
        rows.append(row)
    rows[n // 2]["generator"] = float("nan")
    return rows


def write_csv(path: Path, rows: Rows, heads: dict[str, str], mark: str = ",") -> Path:
    """With a column for each of `heads`: canonical name -> head."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=mark)
        writer.writerow(heads.values())
        writer.writerows([[row.get(name, "") for name in heads] for row in rows])
    return path


def as_ganbench(folder: Path, rows: Rows) -> Path:
    """loss.csv, and the scores of snapshots beside it."""
    write_csv(folder / "loss.csv", rows, {name: name for name in ("step", "seconds", "discriminator", "generator")})
    write_csv(folder / "quality.csv", [row for row in rows if "kid" in row], {"step": "step", "kid": "kid"})
    return folder


def as_table(folder: Path, rows: Rows) -> Path:
    return write_csv(folder / "run.csv", rows, {"step": "iteration", "seconds": "time", "discriminator": "loss_D",
                                                "generator": "loss_G", "kid": "KID"}, ";")


def as_long_table(folder: Path, rows: Rows) -> Path:
    long = [{"run": "run", "metric": name, "step": row["step"], "seconds": row["seconds"], "value": row[name]}
            for row in rows for name in ("discriminator", "generator", "kid") if name in row]
    return write_csv(folder / "run.csv", long, {name: name for name in long[0]})


def as_lightning(folder: Path, rows: Rows) -> Path:
    """metrics.csv of CSVLogger: a row for each call of log, cells of other metrics empty."""
    apart = [{"step": row["step"], "epoch": 0, name: row[name]}
             for row in rows for name in ("discriminator", "generator", "kid") if name in row]
    place = folder / "run"
    place.mkdir()
    write_csv(place / "metrics.csv", apart, {"epoch": "epoch", "kid": "kid", "discriminator": "train/d_loss",
                                             "generator": "train/g_loss", "step": "step"})
    return place


def as_wandb_page(folder: Path, rows: Rows) -> Path:
    """What W&B's page exports of a panel: value, minimum and maximum of every run."""
    heads = {"step": "Step"}
    for name in ("discriminator", "generator", "kid"):
        heads |= {name: f"misty-sun-1 - {name}", f"{name}-": f"misty-sun-1 - {name}__MIN",
                  f"{name}+": f"misty-sun-1 - {name}__MAX"}
    full = [{**row, **{f"{name}{end}": row[name] for name in row for end in "+-"}} for row in rows]
    return write_csv(folder / "run.csv", full, heads)


def as_wandb_history(folder: Path, rows: Rows) -> Path:
    """`run.history()` or `scan_history()` of W&B's API as JSON lines; NaN is a text there."""
    names = {"step": "_step", "seconds": "_runtime", "discriminator": "Loss/D", "generator": "Loss/G", "kid": "kid"}
    lines = [json.dumps({names[key]: "NaN" if value != value else value for key, value in row.items()}
                        | {"_timestamp": BEGUN + row["seconds"]}) for row in rows]
    path = folder / "run.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def as_stylegan(folder: Path, rows: Rows) -> Path:
    """stats.jsonl: means of a tick at thousands of images; and metric-kid50k_full.jsonl beside it."""
    names = {"discriminator": "Loss/D/loss", "generator": "Loss/G/loss", "kid": "kid"}

    def stat(value: float) -> dict[str, float]:
        return {"num": 64, "mean": value, "std": 0.1}

    place = folder / "run"
    place.mkdir()
    lines = [json.dumps({"Progress/kimg": stat(row["step"] / 1_000), "timestamp": BEGUN + row["seconds"],
                         **{names[key]: stat(row[key]) for key in names if key in row}}) for row in rows]
    (place / "stats.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return place


def as_json(folder: Path, rows: Rows) -> Path:
    """trainer_state.json of transformers' Trainer."""
    path = folder / "run.json"
    path.write_text(json.dumps({"best_metric": None, "log_history": rows}, indent=2), "utf-8")
    return path




def as_checkpoint(folder: Path, rows: Rows) -> Path:
    """A history of objects beside weights."""
    path = folder / "run.pt"
    torch.save({"model": {"weight": torch.zeros(3, 3)}, "epoch": 3, "history": rows}, path)
    return path


def as_trackio(folder: Path, rows: Rows) -> Path:
    path = folder / "project.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, "
                         "run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)")
        database.executemany(
            "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, 'run', ?, ?)",
            [(datetime.fromtimestamp(BEGUN + row["seconds"], UTC).isoformat(), row["step"],
              json.dumps({name: value for name, value in row.items() if name not in ("step", "seconds")}))
             for row in rows])
    database.close()
    return path


def as_parquet(folder: Path, rows: Rows) -> Path:
    """As trackio exports: a column for each metric."""
    import pyarrow
    from pyarrow import parquet

    columns = {"run_name": ["run"] * len(rows), "step": [row["step"] for row in rows],
               "timestamp": [datetime.fromtimestamp(BEGUN + row["seconds"], UTC).isoformat() for row in rows],
               **{name: [row.get(name) for row in rows] for name in ("discriminator", "generator", "kid")}}
    parquet.write_table(pyarrow.table(columns), folder / "run.parquet")
    return folder / "run.parquet"


def as_mlflow_files(folder: Path, rows: Rows) -> Path:
    place = folder / "run"
    (place / "metrics").mkdir(parents=True)
    (place / "meta.yaml").write_text("run_name: run\n", "utf-8")
    for name in ("discriminator", "generator", "kid"):
        lines = [f"{round(1000 * (BEGUN + row['seconds']))} {row[name]} {row['step']}" for row in rows if name in row]
        (place / "metrics" / name).write_text("\n".join(lines) + "\n", "utf-8")
    return place


def as_events(folder: Path, rows: Rows) -> Path:
    """simple_value, as torch.utils.tensorboard writes it."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return write_events(folder / "run", rows, lambda name, value: Summary.Value(tag=name, simple_value=value))


def as_tensor_events(folder: Path, rows: Rows) -> Path:
    """Tensors, as tf.summary.scalar of TensorFlow 2 writes them."""
    from tensorboard.plugins.scalar.summary import scalar_pb

    return write_events(folder / "run", rows, lambda name, value: scalar_pb(name, value).value[0])


def write_events(folder: Path, rows: Rows, value_of: Callable[[str, float], object]) -> Path:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    names = {"discriminator": "Loss/D", "generator": "Loss/G", "kid": "kid"}
    for row in rows:
        for name in names:
            if name in row:
                writer.add_event(Event(wall_time=BEGUN + row["seconds"], step=int(row["step"]),
                                       summary=Summary(value=[value_of(names[name], row[name])])))
    writer.close()
    return folder


FORMATS = {
    "ganbench": as_ganbench, "csv": as_table, "long csv": as_long_table, "lightning": as_lightning,
    "wandb page": as_wandb_page, "wandb history": as_wandb_history, "stylegan": as_stylegan, "json": as_json,
    "checkpoint": as_checkpoint, "trackio": as_trackio, "parquet": as_parquet, "mlflow files": as_mlflow_files,
    "tensorboard": as_events, "tensorboard 2": as_tensor_events,
}


def write_million(folder: Path, record: Callable[[bytes], bytes]) -> tuple[Path, dict[str, np.ndarray]]:
    """Two losses of half a million steps in one event file; made of one record for each step and tag, of which only
    the numbers change."""
    from ganbench.gan.curves.tfevents import crc32c, masked

    random, n = np.random.default_rng(0), 500_000
    values = {name: random.normal(1, 0.3, n).astype(np.float32) for name in ("discriminator", "generator")}
    step, parts = np.arange(2**21, 2**21 + n), []           # steps of four bytes each
    for name, value in values.items():
        tag = name.encode()
        inner = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + bytes(4)
        event = b"\x09" + bytes(8) + b"\x10" + bytes(4) + b"\x2a" + bytes([len(inner) + 2]) + b"\x0a" + bytes(
            [len(inner)]) + inner
        rows = np.tile(np.frombuffer(record(event), np.uint8), (n, 1))
        rows[:, 13:21] = (BEGUN + 0.01 * np.arange(n))[:, None].view(np.uint8)
        for place in range(4):
            rows[:, 22 + place] = (step >> 7 * place) & 0x7F | (0x80 if place < 3 else 0)
        end = 12 + len(event)
        rows[:, end - 4 : end] = value[:, None].view(np.uint8)
        rows[:, end:] = masked(crc32c(rows[:, 12:end]))[:, None].view(np.uint8)
        parts.append(rows)
    folder.mkdir()
    with (folder / "events.out.tfevents.1").open("wb") as file:
        for first in range(0, n, 1_000):
            for d, g in zip(*(rows[first : first + 1_000] for rows in parts), strict=True):
                file.write(d.tobytes())
                file.write(g.tobytes())
    return folder, {name: value.astype(np.float64) for name, value in values.items()}
