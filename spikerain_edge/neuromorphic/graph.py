"""A spiking network as a graph: neurons and convolutions, joined by edges that add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from spikerain_edge.errors import ModelError
from spikerain_edge.neuromorphic.convolution import Conv2d, Floats, Shape

REMEDY = "export it again: spikerain-edge export MODEL --format nir --imgsz 16"


@dataclass(frozen=True)
class Neurons:
    """A layer of leaky integrate-and-fire neurons. Every timestep:

        V = decay * V + gain * I
        spikes where V >= threshold, and V = 0 there

    Attributes:
        decay, gain, threshold: float32, of the layer's shape.
    """

    decay: Floats
    gain: Floats
    threshold: Floats

    @property
    def shape(self) -> Shape:
        """The shape of the layer."""
        return self.threshold.shape


@dataclass(frozen=True)
class Input:
    """The picture, the same at every timestep."""

    shape: Shape


@dataclass(frozen=True)
class Output:
    """What is read from the network at every timestep."""


Node: TypeAlias = Neurons | Input | Output | Conv2d


@dataclass(frozen=True)
class Graph:
    """A feed-forward spiking network.

    Attributes:
        nodes: by name; exactly one is an input and one an output.
        edges: pairs of names. Edges into the same node add.
        order: names, each after those it depends on.
        shapes: shape of every node's output.

    Raises:
        ModelError: the graph is not a feed-forward network of known nodes, or shapes do not fit.
    """

    nodes: Mapping[str, Node]
    edges: Sequence[tuple[str, str]]
    order: list[str] = field(init=False)
    shapes: dict[str, Shape] = field(init=False)

    def __post_init__(self) -> None:
        self._require_ends()
        sources = {name: self.sources(name) for name in self.nodes}
        try:
            order = list(TopologicalSorter(sources).static_order())
        except CycleError as error:
            raise ModelError("the spiking network has a loop of edges", REMEDY) from error
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "shapes", {})
        for name in order:
            self.shapes[name] = self._shape(name)

    @property
    def input(self) -> str:
        """Name of the input."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Input))

    @property
    def output(self) -> str:
        """Name of the output."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Output))

    @property
    def layers(self) -> dict[str, Neurons]:
        """The layers of neurons, in order."""
        found = ((name, self.nodes[name]) for name in self.order)
        return {name: node for name, node in found if isinstance(node, Neurons)}

    def sources(self, name: str) -> list[str]:
        """Returns the nodes that have an edge into a node, in the order of the edges."""
        return [source for source, target in self.edges if target == name]

    def _require_ends(self) -> None:
        for source, target in self.edges:
            if missing := {source, target} - set(self.nodes):
                raise ModelError(f"an edge names {missing.pop()!r}, which does not exist", REMEDY)
        if len(set(self.edges)) != len(self.edges):
            raise ModelError("the spiking network lists the same edge twice", REMEDY)
        for kind, title in ((Input, "input"), (Output, "output")):
            count = sum(isinstance(node, kind) for node in self.nodes.values())
            if count != 1:
                raise ModelError(f"the spiking network has {count} nodes of type {title}", REMEDY)
        if any(source == self.output for source, _ in self.edges):
            raise ModelError("the output of the spiking network has edges to other nodes", REMEDY)

    def _shape(self, name: str) -> Shape:
        node = self.nodes[name]
        if isinstance(node, Input):
            return node.shape
        arriving = {self.shapes[source] for source in self.sources(name)}
        if len(arriving) != 1:
            found = ", ".join(map(str, sorted(arriving))) or "none"
            raise ModelError(f"the edges into {name!r} have different shapes: {found}", REMEDY)
        shape = arriving.pop()
        if isinstance(node, Output):
            return shape
        if isinstance(node, Neurons):
            if shape != node.shape:
                raise ModelError(
                    f"{name!r} has the shape {node.shape}, but its input has {shape}", REMEDY
                )
            return shape
        try:
            return node.output_shape(shape)
        except ValueError as error:
            raise ModelError(f"{name!r}: {error}", REMEDY) from error
