"""Write the data card of the simulated camera frames, `docs/data/fusion.md`, with its pictures.

    python -m scripts.describe_fusion

The frames are simulated anew, a network and a linear fit are trained on them, and every figure of the card is measured.
The text stands in `scripts/fusion_card.md.j2`.
"""

from __future__ import annotations

import argparse
import math
import shlex
import struct
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.architectures import initialised_network
from lowland.tasks.fusion import Fusion, FusionOptions
from lowland.tasks.fusion.frames import PIXELS, SIDE
from lowland.tasks.fusion.mode_errors import Limits, mode_errors, vector_errors
from lowland.tasks.fusion.plasma_view import rendered
from lowland.tasks.fusion.tearing_modes import SHIFTS, nominal_world
from lowland.tasks.splits import Samples
from lowland.tasks.task import NOMINAL
from lowland.training import Recipe, TrainingData, TrainingOptions, train

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("fusion_card.md.j2")
BANDS = ((3.0, 6.0), (6.0, 12.0), (12.0, 30.0), (30.0, 60.0))
RIDGE = 1.0
COLUMNS = 8
ENLARGED = 4

Grey = NDArray[np.float64]


def png(picture: Grey) -> bytes:
    """A picture [height, width] with black 0 and white 1 as a grey PNG file."""
    grey = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    lines = b"".join(b"\0" + line.tobytes() for line in grey)
    height, width = grey.shape
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(lines, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (*chunks, (b"IEND", b""))
    )


def tiled(rows: Sequence[Sequence[Grey]]) -> Grey:
    """Pictures side by side in rows, enlarged, with white lines between them."""
    framed = [[np.pad(np.kron(p, np.ones((ENLARGED, ENLARGED))), 2, constant_values=1.0) for p in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in framed])


def fitted(task: Fusion, training: Samples, validation: Samples, options: TrainingOptions) -> torch.nn.Module:
    """A float network trained without any penalty."""
    key = ("fusion card", 0)
    found = train(
        initialised_network(task.network_spec(), key=key),
        TrainingData(training, validation, task.loss),
        recipe=Recipe.model_validate({"kind": "plain"}).root,
        options=options,
        key=key,
    )
    if found.status != "ok":
        raise SystemExit("describe_fusion: training diverged; no card was written")
    return found.network


def linear_fit(training: Samples) -> Any:
    """Least squares from pixels to modes with a small penalty: what the camera tells without any learning of shapes."""
    mean = training.inputs.flatten(1).double().mean(dim=0)
    pixels = training.inputs.flatten(1).double() - mean
    weights = torch.linalg.solve(
        pixels.T @ pixels + RIDGE * torch.eye(pixels.shape[1], dtype=torch.float64),
        pixels.T @ training.targets.double(),
    )
    return lambda frames: ((frames.flatten(1).double() - mean) @ weights).float()


def figures(task: Fusion, estimates: Tensor, modes: Tensor) -> dict[str, Any]:
    """Mode error, and errors of amplitude and phase in the task's limits and by bands of amplitude."""
    largest = task.options.largest_amplitude
    whole = mode_errors(estimates, modes, largest=largest, limits=Limits(*task.options.phase_limits))
    bands = [mode_errors(estimates, modes, largest=largest, limits=Limits(*band)) for band in BANDS]
    return {
        "score": float(vector_errors(estimates, modes, largest=largest).mean()),
        "guess": task.guess_score(modes),
        **{name: estimate.value for name, estimate in whole.items()},
        "bands": [band["phase_error_spread"].value for band in bands],
    }


def pictures(raw: Any) -> dict[str, Grey]:
    """Sample frames of every set by rising amplitude, and the images that frames are made of."""
    rows = []
    for name in (NOMINAL, *SHIFTS):
        part = raw[raw["set"] == name].sort_values("amplitude")
        chosen = part.iloc[np.linspace(0, len(part) - 1, COLUMNS).round().astype(int)]
        rows.append(list(chosen[PIXELS].to_numpy(np.float64).reshape(-1, SIDE, SIDE)))
    world = nominal_world(FusionOptions.model_fields["photons"].default)
    parts = rendered(world.plasma, world.camera.view, 3, 1)
    parts = (parts - parts.min(axis=(1, 2), keepdims=True)) / np.ptp(parts, axis=(1, 2), keepdims=True)
    return {"fusion_frames": tiled(rows), "fusion_images": tiled([list(parts)])}


def described(options: FusionOptions, training: TrainingOptions, command: str) -> tuple[str, dict[str, Grey]]:
    """The card's text and its pictures by name."""
    task, started = Fusion(options), time.process_time()
    raw = task.fetch()
    seconds = time.process_time() - started
    task.check(raw, "simulation")
    splits = task.prepare(raw)
    network, linear = fitted(task, splits["train"], splits["validation"], training), linear_fit(splits["train"])
    sets = {NOMINAL: splits.held_out.samples, **{name: held.samples for name, held in splits.shifted.items()}}
    with torch.no_grad():
        measured = {
            name: {
                "network": figures(task, network(rows.inputs) * options.amplitude_unit, rows.targets),
                "linear": figures(task, linear(rows.inputs), rows.targets),
            }
            for name, rows in sets.items()
        }
    nominal = raw[raw["set"] == NOMINAL]
    amplitude = nominal["amplitude"].to_numpy()
    world = nominal_world(options.photons)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        command=command,
        options=options,
        training=training,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        measured=measured,
        bands=BANDS,
        quantiles=np.quantile(amplitude, [0, 0.1, 0.5, 0.9, 0.99, 1]).tolist(),
        within=float(((amplitude >= 3) & (amplitude <= 30)).mean()),
        resultant=float(np.abs(np.exp(1j * nominal["phase"]).mean())),
        discharges=int(nominal["shot"].nunique()),
        frames=len(nominal),
        world=world,
        columns=COLUMNS,
        ridge=RIDGE,
        brightness=float(nominal[PIXELS].to_numpy().mean()),
        white=float((nominal[PIXELS].to_numpy() >= 1).mean()),
        noise=math.sqrt(0.3 / options.photons + world.camera.readout_noise**2),
        milliseconds=1000 * seconds / len(raw),
    )
    return text, pictures(raw)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, simulate, train, write the card and its pictures."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="Write the data card of the simulated frames (trains a network).")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "data" / "fusion.md")
    parser.add_argument("--images", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--train-rows", type=int, default=4000)
    parser.add_argument("--test-rows", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=15)
    chosen = parser.parse_args(arguments)
    options = FusionOptions(
        kind="fusion",
        source="simulated",
        train_rows=chosen.train_rows,
        validation_rows=chosen.test_rows // 2,
        landscape_rows=chosen.test_rows // 2,
        test_rows=chosen.test_rows,
        shifted_rows=chosen.test_rows,
    )
    training = TrainingOptions(epochs=chosen.epochs, batch_size=128, learning_rate=1.5625e-3, schedule="cosine")
    text, drawn = described(options, training, shlex.join(["python", "-m", "scripts.describe_fusion", *arguments]))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(text, encoding="utf-8")
    for name, picture in drawn.items():
        (chosen.images / f"{name}.png").write_bytes(png(picture))
    print(chosen.output)


if __name__ == "__main__":
    main()
