from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import torch
from lightning_fabric.accelerators import cuda

from spikerain_edge.errors import InputError
from spikerain_training.hardware import Hardware, launch


def test_more_devices_than_the_machine_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "num_cuda_devices", lambda: 1)
    monkeypatch.setattr(cuda, "_get_all_visible_cuda_devices", lambda: [0])

    with pytest.raises(InputError, match=r"(?s)cannot train on 2 x cuda .*--devices 1"):
        launch(Hardware("cuda", devices=2), "32-true")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        # torchrun forwards the SIGTERM that a scheduler sends to it and to its processes.
        ([signal.SIGTERM, signal.SIGTERM], 0),
        ([signal.SIGINT, signal.SIGTERM], 0),
        ([signal.SIGINT, signal.SIGINT], -signal.SIGINT),
    ],
)
def test_a_second_sigterm_is_ignored_and_a_second_ctrl_c_kills(
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
