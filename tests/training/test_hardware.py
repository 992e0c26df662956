from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import torch
from lightning_fabric.accelerators import cuda

from spikerain_edge.errors import InputError
from spikerain_training.hardware import Hardware, launch


def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "num_cuda_devices", lambda: 1)
    monkeypatch.setattr(cuda, "_get_all_visible_cuda_devices", lambda: [0])

    with pytest.raises(InputError, match=r"(?s)cannot train on 2 x cuda .*--devices 1"):
        launch(Hardware("cuda", devices=2), "32-true")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        # torchrun hands on the SIGTERM that a scheduler has sent to it and to its processes.
        ([signal.SIGTERM, signal.SIGTERM], 0),
        ([signal.SIGINT, signal.SIGTERM], 0),
        ([signal.SIGINT, signal.SIGINT], -signal.SIGINT),
    ],
)
def test_what_is_told_twice_to_end_saves_and_a_second_interrupt_kills(
    sent: list[signal.Signals], code: int
) -> None:
    program = (
        "import signal, sys\n"
        "from spikerain_training.hardware import interruptible\n"
        "with interruptible() as interrupted:\n"
        "    for number in map(int, sys.argv[1:]):\n"
        "        signal.raise_signal(number)\n"
        "    assert interrupted()\n"
    )
    arguments = [str(int(number)) for number in sent]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert done.returncode == code
