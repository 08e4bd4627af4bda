"""Small networks as the files of runtimes, and what the runtimes make of them: oracles for dynamic arithmetic."""

import copy
import platform
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn


def kernel_saturates() -> bool:
    """Whether ONNX Runtime's kernel for unsigned times signed bytes saturates here: x86 without VNNI."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    cpuinfo = Path("/proc/cpuinfo")
    return "vnni" not in cpuinfo.read_text() if cpuinfo.exists() else True


def onnx_model(network: nn.Sequential, shape: tuple[int, ...]) -> object:
    """Linear, convolution, ReLU and flatten as an ONNX model whose first dimension is free."""
    onnx = pytest.importorskip("onnx")
    nodes, tensors, last = [], [], "inputs"
    for index, layer in enumerate(network):
        result = f"values{index}"
        if isinstance(layer, nn.ReLU | nn.Flatten):
            nodes.append(onnx.helper.make_node(type(layer).__name__.replace("ReLU", "Relu"), [last], [result]))
        else:
            names = [f"weight{index}", f"bias{index}"][: 1 if layer.bias is None else 2]
            for name, values in zip(names, (layer.weight, layer.bias), strict=False):
                tensors.append(onnx.numpy_helper.from_array(values.detach().numpy(), name))
            if isinstance(layer, nn.Linear):
                node = onnx.helper.make_node("Gemm", [last, *names], [result], transB=1)
            else:
                options = {
                    "strides": layer.stride,
                    "pads": (*layer.padding, *layer.padding),
                    "dilations": layer.dilation,
                    "group": layer.groups,
                }
                node = onnx.helper.make_node("Conv", [last, *names], [result], **options)
            nodes.append(node)
        last = result
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", *places])
        for name, places in (("inputs", shape), (last, [None] * (network(torch.zeros(1, *shape)).ndim - 1)))
    ]
    graph = onnx.helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def by_onnx_runtime(
    network: nn.Sequential, inputs: Tensor, folder: Path, *, per_channel: bool = False
) -> tuple[Tensor, Tensor]:
    """What ONNX Runtime and ``onnx.reference`` make of ``quantize_dynamic``'s model."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from onnx.reference import ReferenceEvaluator
    from onnxruntime.quantization import quantize_dynamic

    path = folder / "network.onnx"
    quantize_dynamic(onnx_model(network, tuple(inputs.shape[1:])), path, per_channel=per_channel)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"inputs": inputs.numpy()})
    (reference,) = ReferenceEvaluator(onnx.load(path)).run(None, {"inputs": inputs.numpy()})
    return torch.tensor(found), torch.tensor(reference)


def by_torchao(network: nn.Sequential, inputs: Tensor) -> Tensor:
    """What torchao makes of a network of linear layers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        pytest.importorskip("torchao")
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    quantized = copy.deepcopy(network)  # its weights are replaced
    quantize_(quantized, Int8DynamicActivationInt8WeightConfig(set_inductor_config=False))
    with torch.no_grad():
        return quantized(inputs)


def by_litert(layer: nn.Module, codes: Tensor, scale: Tensor, inputs: Tensor) -> Tensor:
    """What LiteRT with XNNPACK makes of one layer with float inputs and weights in codes.

    Args:
        layer: Linear, or a convolution without padding.
        codes: Of its weights, int8.
        scale: One or one a channel.
        inputs: [rows, features] or [rows, channels, height, width].
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        interpreter = pytest.importorskip("ai_edge_litert.interpreter")
        from ai_edge_litert import schema_py_generated as schema
    flatbuffers = pytest.importorskip("flatbuffers")
    operator, options, code = schema.OperatorT(), schema.FullyConnectedOptionsT(), schema.BuiltinOperator
    kind, axis, values, weights = code.FULLY_CONNECTED, 0, inputs.numpy(), codes.numpy()
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    if isinstance(layer, nn.Conv2d):
        values = np.ascontiguousarray(values.transpose(0, 2, 3, 1))
        depthwise = layer.groups > 1
        axis = 3 if depthwise else 0
        weights = np.ascontiguousarray(weights.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1)))
        kind = code.DEPTHWISE_CONV_2D if depthwise else code.CONV_2D
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        name = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        options.padding = schema.Padding.VALID
        options.strideH, options.strideW = layer.stride
        options.dilationHFactor = options.dilationWFactor = 1
        if depthwise:
            options.depthMultiplier = 1
    operator.builtinOptions = options
    result = layer(inputs).shape
    shape = (result[0], *result[2:], result[1]) if len(result) == 4 else tuple(result)
    quantization = schema.QuantizationParametersT()
    quantization.scale = [float(one) for one in scale.flatten()]
    quantization.zeroPoint, quantization.quantizedDimension = [0] * len(quantization.scale), axis
    float32 = schema.TensorType.FLOAT32
    parts = [
        ("inputs", values.shape, float32, None, None),
        ("weight", weights.shape, schema.TensorType.INT8, weights, quantization),
        ("bias", layer.bias.shape, float32, layer.bias.detach().numpy(), None),
        ("outputs", shape, float32, None, None),
    ]
    tensors, buffers = [], [schema.BufferT()]
    for index, (name, places, kept, content, how) in enumerate(parts):
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(places), kept, index + 1
        tensor.quantization = how
        if content is not None:
            buffer.data = np.frombuffer(content.tobytes(), np.uint8)
        tensors.append(tensor)
        buffers.append(buffer)
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    graph, model, used = schema.SubGraphT(), schema.ModelT(), schema.OperatorCodeT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs, graph.name = tensors, [operator], [0], [3], b"main"
    used.builtinCode = used.deprecatedBuiltinCode = kind
    used.version = {code.FULLY_CONNECTED: 9, code.CONV_2D: 5, code.DEPTHWISE_CONV_2D: 6}[kind]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [used], [graph], buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    found = interpreter.Interpreter(model_content=bytes(builder.Output()), num_threads=1)
    found.allocate_tensors()
    found.set_tensor(found.get_input_details()[0]["index"], values)
    found.invoke()
    outputs = torch.tensor(found.get_tensor(found.get_output_details()[0]["index"]))
    return outputs.permute(0, 3, 1, 2) if outputs.ndim == 4 else outputs
