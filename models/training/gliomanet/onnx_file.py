"""The network as an ONNX file: opset 17, free sides, weights stored as float16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .network import IN_CHANNELS, SIDE_MULTIPLE, GliomaNet

OPSET = 17
INPUT, OUTPUT = "x", "y"
# Norm gains, shifts and biases are small and sensitive: they stay float32.
HALF_FROM_ELEMENTS = 512


def write_onnx(network: GliomaNet, path: Path) -> None:
    """Input x float32 [1, 4, x, y, z] → output y, logits float32 [1, 3, x, y, z]."""
    side = 2 * SIDE_MULTIPLE
    torch.onnx.export(
        network.to(memory_format=torch.contiguous_format),
        (torch.zeros(1, IN_CHANNELS, side, side, side),),
        str(path),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={name: {2: "sx", 3: "sy", 4: "sz"} for name in (INPUT, OUTPUT)},
        opset_version=OPSET,
        dynamo=False,
    )
    model = halve_weights(onnx.load(path))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Stores each large weight as float16 behind a Cast to float32: half the file, computed in float32 as before."""
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= HALF_FROM_ELEMENTS:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
