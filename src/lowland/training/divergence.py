"""How far two networks' probabilities of classes are apart."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from lowland.training.modes import evaluated


def divergence_from_teacher(outputs: Tensor, teacher: Tensor) -> Tensor:
    """Kullback–Leibler divergence KL(teacher ‖ student) in nats, the mean over rows; unbounded.

    Args:
        outputs: Logits of the student [rows, classes].
        teacher: Logits of the teacher [rows, classes].
    """
    return kl_div(log_softmax(outputs, 1), log_softmax(teacher, 1), log_target=True, reduction="batchmean")


def bounded_divergence(first: Tensor, second: Tensor, *, temperature: float = 1.0) -> Tensor:
    r"""Jensen–Shannon divergence in nats, the mean over rows: between 0 and :math:`\ln 2`.

    Half of KL(p ‖ m) + KL(q ‖ m) with p, q the probabilities at the temperature and m their mean. Being bounded, it can
    be maximised without logits that grow for ever.

    Args:
        first: Logits [rows, classes].
        second: Logits [rows, classes].
        temperature: That logits are divided by.

    Source:
        Lin 1991, IEEE Transactions on Information Theory 37, 145.
    """
    one, other = log_softmax(first / temperature, 1), log_softmax(second / temperature, 1)
    mean = one.logaddexp(other) - math.log(2)
    terms = one.exp() * (one - mean) + other.exp() * (other - mean)
    return terms.sum(1).mean() / 2


def divergence_in_codes(
    network: nn.Module, twin: nn.Module, inputs: Tensor, outputs: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """``bounded_divergence`` of a network in training from its twin in codes, both as they are deployed.

    Batch statistics and dropout move outputs by themselves: with them the divergence would not be that of the codes.
    The network is asked again in evaluation mode where any is at work.

    Args:
        network: In training.
        twin: The same parameters in codes.
        inputs: [rows, ...].
        outputs: Of the network in its own mode [rows, classes].
        temperature: That logits are divided by.
    """
    by_mode = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    with evaluated(twin):  # running statistics see each batch once
        coded = twin(inputs)
    if any(module.training and isinstance(module, by_mode) for module in network.modules()):
        with evaluated(network):
            outputs = network(inputs)
    return bounded_divergence(outputs, coded, temperature=temperature)
