"""Settings of ONNX Runtime that save memory on the CPU and change no result."""

from __future__ import annotations

from functools import cache

import onnxruntime

# Bytes of a free block that may stay unused when a smaller tensor takes it. The default of 128 MiB
# lets a tensor take a block of nearly twice its size.
_UNUSED = 4 << 20


def save_memory(options: onnxruntime.SessionOptions, *, probe: bool) -> None:
    """Makes a session on the CPU need less memory.

    - A graph and its probe graph do not run at once, so all sessions of a process share one pool
      of memory. A session that is closed leaves its memory to the others.
    - ONNX Runtime plans the memory for each new size of images. While it does, it holds the pool
      and the planned block: twice the memory. Without a plan it takes blocks from the pool.
    - A probe graph counts the spikes of every layer. In the usual order it counts them at the end
      and keeps all of them until then. In the order of the file it counts them at once.

    Args:
        options: the options to change.
        probe: whether the session runs a probe graph.
    """
    _share_pool()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False
    if probe:
        options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED


@cache  # registered again, it would be another pool
def _share_pool() -> None:
    """Registers the pool with ONNX Runtime, once in a process."""
    kind, use = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, use)
    settings = onnxruntime.OrtArenaCfg({"max_dead_bytes_per_chunk": _UNUSED})
    onnxruntime.create_and_register_allocator(memory, settings)
