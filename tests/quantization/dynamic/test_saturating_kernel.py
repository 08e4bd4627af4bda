import torch

from lowland.quantization.dynamic.saturating_kernel import saturating_linear


def naive(codes, zero_point, weight):
    found = torch.zeros(len(codes), len(weight), dtype=torch.int64)
    for row in range(len(codes)):
        for output in range(len(weight)):
            total = 0
            for k in range(0, codes.shape[1], 2):
                pair = sum(int(codes[row, j]) * int(weight[output, j]) for j in range(k, min(k + 2, codes.shape[1])))
                total += max(-32768, min(32767, pair))
            found[row, output] = total - int(zero_point) * int(weight[output].sum())
    return found


def test_pairs_saturate_as_in_the_instruction():
    source = torch.Generator().manual_seed(0)
    for inputs in (1, 8, 13):
        codes = torch.randint(0, 256, (4, inputs), generator=source).float()
        weight = torch.randint(-128, 128, (5, inputs), generator=source).to(torch.int8)
        zero_point = torch.tensor(131.0)
        found = saturating_linear(codes, zero_point, weight)
        assert torch.equal(found.long(), naive(codes, zero_point, weight))
    codes, weight = torch.full((1, 4), 255.0), torch.full((1, 4), 127, dtype=torch.int8)
    assert float(saturating_linear(codes, torch.tensor(0.0), weight)) == 2 * 32767 < 4 * 255 * 127
