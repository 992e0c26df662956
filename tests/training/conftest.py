from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


# The tensors of the tests are tiny: a second thread saves no time, and it waits for the first one
# if the machine is busy.
@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
