import subprocess
import sys

import torch

from lowland.randomness import generator, seed_of


def test_equal_keys_give_equal_numbers_and_others_do_not():
    assert torch.equal(torch.rand(5, generator=generator("jets", 1)), torch.rand(5, generator=generator("jets", 1)))
    seeds = {
        seed_of(*key)
        for key in [("jets", 1), ("jets", "1"), ("jets1",), (1, "jets"), ("jets", 1.0), ("a", "bc"), ("ab", "c")]
    }
    assert len(seeds) == 7


def test_seed_is_the_same_in_another_process():
    code = "from lowland.randomness import seed_of; print(seed_of('jets', 'gaussian', 3))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == seed_of("jets", "gaussian", 3)
    assert 0 <= seed_of("x") < 2**63
