"""Checks that a cluster can hold a worker at all."""

from __future__ import annotations

from collections.abc import Mapping

from spikerain_edge.errors import InputError


def require_room(resources: Mapping[str, float], threads: int, gpus: float) -> None:
    """Checks that a cluster has what one worker needs.

    Args:
        resources: what the cluster has, as `ray.cluster_resources` returns it.
        threads: CPU threads of a worker.
        gpus: share of a GPU, or number of GPUs, of a worker.

    Raises:
        InputError: it has too few GPUs or processor cores, or `gpus` is neither a share of one nor
            a whole number.
    """
    if not (0 <= gpus <= 1 or gpus.is_integer()):
        raise InputError(
            f"--gpus {gpus:g} is neither a share of a GPU nor a number of GPUs",
            "write a share up to 1 or a whole number, such as --gpus 0.5 or --gpus 2",
        )
    has = resources.get("GPU", 0.0)
    if gpus > has:
        raise InputError(
            f"--gpus {gpus:g} needs more GPUs than the cluster has: {has:g}",
            "leave out --gpus, or start Ray on a node with a GPU: ray start --num-gpus 1",
        )
    cores = resources.get("CPU", 0.0)
    if threads > cores:
        raise InputError(
            f"--threads {threads} needs more cores than the cluster has: {cores:g}",
            "use fewer --threads",
        )
