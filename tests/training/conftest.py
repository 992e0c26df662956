from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


# The tests' tensors are tiny: a second thread gains nothing, and waits for the first wherever
# the machine has other work.
@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
