"""What a C compiler makes of an exported network."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.export.flips import Flip, check_flip
from lowland.export.results import check_finite
from lowland.quantization.graph.integer import IntegerNetwork

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
"""Every warning is an error."""


def compile_check(folder: str | Path, program: str | Path) -> Path:
    """Compile the check of an exported network.

    Args:
        folder: Of ``export_c``.
        program: Where the executable goes.

    Returns:
        The executable.

    Raises:
        LowlandError: No compiler, no single check in the folder, or a source that does not compile in silence.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise LowlandError("no gcc and no cc on this machine; expected a C compiler on the PATH: install gcc")
    sources = list(Path(folder).glob("*_check.c"))
    if len(sources) != 1:
        raise LowlandError(f"{folder} holds {len(sources)} files *_check.c; expected the one that export_c writes")
    command = [compiler, *FLAGS, str(sources[0]), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        lines = [line for line in done.stderr.splitlines() if "error:" in line]
        first = next(iter(lines), f"exit status {done.returncode}")
        raise LowlandError(f"{sources[0]} does not compile in silence: {first}")
    return Path(program)


def run_c(folder: str | Path, network: IntegerNetwork, inputs: Tensor, *, flips: Sequence[Flip] = ()) -> Tensor:
    """What the compiled check of an exported network gives for rows of inputs.

    Args:
        folder: Of ``export_c``.
        network: That was exported; names the tensors of the flips.
        inputs: Floats [rows, ...], finite.
        flips: Bits of the stored words that are flipped meanwhile.

    Returns:
        int64 [rows, outputs]: the integers of each row one behind the other.

    Raises:
        LowlandError: As ``compile_check``; inputs that are not finite; a bit that the network does not store.
    """
    check_finite(inputs)
    tensors = list(network.codes)
    for flip in flips:
        check_flip(network, flip)
    with tempfile.TemporaryDirectory() as work:
        program = compile_check(folder, Path(work) / "check")
        given, made, list_of_flips = (Path(work) / name for name in ("inputs", "outputs", "flips"))
        given.write_bytes(inputs.detach().cpu().to(torch.float32).contiguous().numpy().tobytes())
        lines = [f"{tensors.index(flip.tensor)} {flip.element} {flip.bit}\n" for flip in flips]
        list_of_flips.write_text("".join(lines))
        arguments = [program, given, made, *([list_of_flips] if flips else [])]
        done = subprocess.run([str(each) for each in arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise LowlandError(f"the check of {folder} failed with status {done.returncode}: {done.stderr.strip()}")
        outputs = np.frombuffer(made.read_bytes(), np.int64).reshape(len(inputs), -1)
    return torch.from_numpy(outputs.copy())
