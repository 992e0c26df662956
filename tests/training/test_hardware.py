from __future__ import annotations

import pytest
import torch
from lightning_fabric.accelerators import cuda

from spikerain_training.hardware import Hardware, launch


def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "num_cuda_devices", lambda: 1)
    monkeypatch.setattr(cuda, "_get_all_visible_cuda_devices", lambda: [0])

    with pytest.raises(ValueError, match=r"(?s)cannot train on 2 x cuda .*--devices 1"):
        launch(Hardware("cuda", devices=2), "32-true")
