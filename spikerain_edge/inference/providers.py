"""Execution providers of ONNX Runtime: checks which nodes they run."""

from __future__ import annotations

import onnxruntime

from spikerain_edge.errors import ModelError

CPU = "CPUExecutionProvider"
RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
"""Option of a session that makes `left_to_cpu` possible."""
# Operators that do nearly all of the work; names of fused operators contain them.
_HEAVY = ("Conv", "Gemm", "MatMul")


def left_to_cpu(session: onnxruntime.InferenceSession, provider: str, origin: str) -> str:
    """Checks which nodes of a graph ONNX Runtime assigned to the CPU and not to the provider.

    A few small nodes on the CPU are acceptable, such as those that compute sizes.

    Returns:
        A note for the name of the backend; empty if the provider runs every node.

    Raises:
        ModelError: the CPU runs a convolution or a matrix product.
    """
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return " (CPU share unknown)"
    assigned = [
        (part.ep_name == CPU, node.op_type)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]
    heavy = [on_cpu for on_cpu, operator in assigned if any(name in operator for name in _HEAVY)]
    if any(heavy):
        raise ModelError(
            f"{provider} leaves {sum(heavy)} of {len(heavy)} convolutions of {origin} to the CPU",
            "use --backend cpu, or export the model in another precision, such as "
            "spikerain-edge export MODEL --fp16",
        )
    small = sum(on_cpu for on_cpu, _ in assigned)
    return f" ({small} of {len(assigned)} nodes on the CPU)" if small else ""
