"""Which node of a graph is which convolution, and what it reads, makes and multiplies by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from spikerain_edge.errors import ModelError
from spikerain_edge.profiling.topology import Node
from spikerain_edge.profiling.trace import Tensor, Tensors
from spikerain_edge.spec import ModelSpec, Operation

# Where a convolution has its weight and, in integers, its bias, among its inputs. A product with
# a matrix is a 1x1 convolution of features whose channels come last.
_WEIGHTS = {"Conv": 1, "QLinearConv": 3, "MatMul": 1}
_BIAS, _INTEGER_BIAS = 2, 8
# What multiplies besides these, or hides it: such a graph would be counted too low.
_UNCOUNTED = frozenset(
    (
        *("ConvInteger", "ConvTranspose"),
        *("Einsum", "Gemm", "MatMulInteger", "QLinearMatMul"),
        *("GRU", "If", "Loop", "LSTM", "RNN", "Scan"),
    )
)
# These hand on the values they read, or codes for them.
_TRANSPARENT = frozenset(("Cast", "DequantizeLinear", "Identity", "QuantizeLinear"))


class Wiring:
    """Which convolution belongs to which operation, and which spikes reach it.

    Attributes:
        nodes: the nodes of the graph.
        convolutions: those of every operation of the description, in its order.

    Args:
        nodes: those of the file.
        initializers: bytes of its constants, by name.
        spec: its description.

    Raises:
        ModelError: operations and convolutions are not the same.
    """

    def __init__(
        self, nodes: Sequence[Node], initializers: Mapping[str, memoryview], spec: ModelSpec
    ) -> None:
        self.nodes = nodes
        self._initializers = initializers
        self._makers = {output: node for node in nodes for output in node.outputs}
        self._layer_of = {tensor: layer.name for layer in spec.neurons for tensor in layer.spikes}
        self.convolutions = self._assign(spec.operations)

    def neurons(self, tensor: str) -> tuple[str, ...] | None:
        """Neuron layers whose spikes a tensor holds, in channel order; none if it holds others."""
        if tensor in self._layer_of:
            return (self._layer_of[tensor],)
        maker = self._makers.get(tensor)
        if maker is None:
            return None
        if maker.operator in _TRANSPARENT:
            return self.neurons(maker.inputs[0])
        if maker.operator != "Concat":
            return None
        found: list[str] = []
        for part in maker.inputs:
            layers = self.neurons(part)
            if layers is None:
                return None
            found += layers
        return tuple(found)

    def biased(self, node: Node, parameters: int) -> bool:
        """Whether a convolution has a bias; one in integers always does, zeros for want of one."""
        if node.operator == "QLinearConv":
            return any(self._initializers.get(node.inputs[_INTEGER_BIAS], (1,)))
        return parameters > 1

    def tensors(self, node: Node, met: dict[str, Tensors]) -> tuple[Tensor, ...]:
        """What a convolution reads, makes and multiplies by, and its bias where it has one.

        Element sizes are those of the graph. A processor without half precision has such tensors
        cast before it is shown them, but a product has but one type, and that is its weight's.
        """
        place = _WEIGHTS[node.operator]
        (made,) = met[node.name].outputs
        found: tuple[Tensor, ...] = (
            self._held(node, 0, met),
            made,
            self._held(node, place, met),
        )
        if node.operator == "MatMul":
            found += self._added(node, met)
        else:
            found += met[node.name].inputs[_BIAS if node.operator == "Conv" else _INTEGER_BIAS :]
        stored = self._initializers.get(node.inputs[place])
        if stored is None or node.operator == "QLinearConv":
            return found
        size = len(stored) // found[2].elements
        return tuple(replace(tensor, element_bytes=size) for tensor in found)

    def _held(self, node: Node, place: int, met: dict[str, Tensors]) -> Tensor:
        """An input as the graph holds it: in the codes that a convolution is given decoded."""
        maker = self._makers.get(node.inputs[place])
        if maker is not None and maker.operator == "DequantizeLinear":
            return met[maker.name].inputs[0]
        return met[node.name].inputs[place]

    def _added(self, product: Node, met: dict[str, Tensors]) -> tuple[Tensor, ...]:
        """The bias that is added to a product with a matrix; nothing where none is."""
        sums = [node for node in self.nodes if node.operator == "Add"]
        return tuple(
            tensor
            for node in sums
            for name, tensor in zip(node.inputs, met[node.name].inputs, strict=True)
            if product.outputs[0] in node.inputs and name not in self._makers
        )

    def _assign(self, operations: Iterable[Operation]) -> dict[Operation, list[Node]]:
        known = {operation.name: operation for operation in operations}
        assigned: dict[Operation, list[Node]] = {operation: [] for operation in known.values()}
        for node in self.nodes:
            if node.operator in _UNCOUNTED:
                raise disagreement(f"has {node.operator} nodes, which are not counted")
            if node.operator in _WEIGHTS:
                name = self._weight(node).partition("/")[0]
                if name not in known:
                    raise disagreement(f"has a convolution {name} that it does not list")
                assigned[known[name]].append(node)
        for operation, nodes in assigned.items():
            if not nodes:
                raise disagreement(f"has no convolution {operation.name}, which it lists")
        return assigned

    def _weight(self, convolution: Node) -> str:
        """Name of the initializer that holds the weight: the operation's name, slash, a word."""
        name = convolution.inputs[_WEIGHTS[convolution.operator]]
        while name in self._makers and self._makers[name].operator in _TRANSPARENT:
            name = self._makers[name].inputs[0]
        return name


def disagreement(what: str) -> ModelError:
    """What to raise where the graph `what`, unlike its description."""
    return ModelError(
        f"the graph and its description disagree: the graph {what}", "export it again"
    )
