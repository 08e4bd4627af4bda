"""Where outputs are no numbers, and where attacks could not see a gradient."""

from lowland.analysis.spoiled_shares import spoiled_shares


def test_each_share_at_its_worst_level_above_its_threshold(faulty):
    found = {(share.measure, share.condition): share for share in spoiled_shares(faulty)}
    overflow = found["non_finite_rate", "flips"]
    assert (overflow.target, overflow.level, dict(overflow.shares)) == ("float32", 100, {"fp32": 0.01})
    blind = found["blind_rate", "fgsm_linf"]
    assert blind.level == 0.1 and set(blind.shares) == {"qat4"}, "0.1 % of the rows of the others is too little"
    assert len(found) == 2


def test_what_is_not_ok_does_not_count(faulty):
    broken = faulty.assign(status=faulty.status.mask(faulty.measure == "blind_rate", "failed"))
    assert {share.measure for share in spoiled_shares(broken)} == {"non_finite_rate"}
