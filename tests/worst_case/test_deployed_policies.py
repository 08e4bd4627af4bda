"""A policy that was found is deployed as a precision, and computes there what it was judged by."""

import pytest
import torch

from lowland.architectures import LeNet5, initialised_network
from lowland.artifacts import StoredModel
from lowland.datasets.tensors import ModelDataset
from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.worst_case import StaticPolicy, subject_of

SPEC = {"kind": "lenet5", "inputs": [1, 8, 8], "outputs": 4}


def precision(runtime: str, policy: StaticPolicy | None) -> Precision:
    own = {"batch_rows": 20} if runtime == "onnxruntime" else {}
    return Precision(
        method="dynamic",
        weight_bits=8,
        activation_bits=8,
        runtime=runtime,
        layer_bits=policy.layer_bits if policy else {},
        **own,
    )


@pytest.mark.parametrize("runtime", ["litert", "torchao", "onnxruntime"])
def test_the_deployed_network_is_the_subject_under_the_policy(runtime: str, tmp_path) -> None:
    network = initialised_network(SPEC, key=("deployed",)).eval()
    inputs = torch.randn(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    plain = quantize_dynamically(network, precision(runtime, None))
    subject = subject_of(plain, inputs[:1])
    policy = StaticPolicy(dict(zip(subject.layers, (4, 2, 8, 3, 6), strict=False)))
    deployed = quantize_dynamically(network, precision(runtime, policy))
    assert torch.equal(deployed(inputs), subject(inputs, policy.chooser()))
    assert not torch.equal(deployed(inputs), subject(inputs))
    assert torch.equal(subject_of(deployed, inputs[:1])(inputs), deployed(inputs))
    dataset = ModelDataset(filepath=str(tmp_path / "policy.safetensors"))
    dataset.save(StoredModel(deployed))
    assert torch.equal(dataset.load().network(inputs), deployed(inputs))


def test_a_policy_for_another_network_is_refused() -> None:
    network = LeNet5(inputs=(1, 8, 8), outputs=4)
    with pytest.raises(LowlandError, match=r"activations for 'layers.5', which names no layer; expected a pattern of"):
        quantize_dynamically(network, precision("litert", StaticPolicy({"layers.5": 4})))


def test_scales_of_whole_batches_want_to_know_how_large_these_are() -> None:
    network, inputs = initialised_network(SPEC, key=("deployed",)).eval(), torch.randn(2, 1, 8, 8)
    batch = quantize_dynamically(
        network, Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime")
    )
    with pytest.raises(LowlandError, match=r"scales whole batches, .* expected batch_rows with the precision"):
        subject_of(batch, inputs)
