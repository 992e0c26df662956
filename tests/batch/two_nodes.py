"""A Ray cluster of two nodes on this machine: the second one is killed when a line is read.

Its files are in the folder of the first argument.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["RAY_TMPDIR"] = sys.argv[1]
(Path(sys.argv[1]) / "ray").mkdir()

from ray.cluster_utils import Cluster  # noqa: E402

# Ray gives a node 30 seconds to start, which is short on a machine that is busy.
STARTS = 4


def started() -> tuple[Cluster, Any]:
    """The cluster and its second node."""
    for left in reversed(range(STARTS)):
        try:
            options = {"num_cpus": 1, "include_dashboard": False}
            cluster = Cluster(initialize_head=True, head_node_args=options)
            return cluster, cluster.add_node(num_cpus=1)
        except Exception as error:
            if not left:
                raise
            print(error, file=sys.stderr)
    raise AssertionError("unreachable")


cluster, node = started()
print(cluster.address, flush=True)
sys.stdin.readline()
cluster.remove_node(node, allow_graceful=False)
print("killed", flush=True)
sys.stdin.readline()
cluster.shutdown()
