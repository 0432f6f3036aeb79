"""The network to and from an ONNX file: opset 17, free sides, weights stored as float16."""

from __future__ import annotations

import re
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


def read_onnx(network: GliomaNet, path: Path) -> list[str]:
    """Takes over the weights of an ONNX file of this network, in place. A level that the file lacks keeps its own
    beginning. @returns the names of the parameters that the file had no value for."""
    weights = {plain_name(each.name): numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
    missing = []
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in weights:
                parameter.copy_(torch.from_numpy(weights[name].astype(np.float32)))
            else:
                missing.append(name)
    return missing


def plain_name(stored: str) -> str:
    """The parameter of a stored weight: "enc.0.0.c1.weight_h" and "enc.0.c1.weight.half" are both enc.0.c1.weight."""
    return re.sub(r"^enc\.(\d)\.0\.", r"enc.\1.", re.sub(r"(_h|\.half)$", "", stored))
