"""Unrolls SpikeRain networks into plain ONNX graphs and proves that they are their networks.

Three verbs make an export: `candidate.make`, `proving.prove`, `delivery.write`; `delivery.deliver`
is all of them. What needs torch is imported when it is used: on a board without torch, a shipped
ONNX file is rewritten and built into an engine.
"""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
