"""What a share may be at worst, where the outcome of some of the requests is not known."""


def worst_share(bad: int, valid: int, unknown: int) -> float:
    """The share of failed requests if all `unknown` ones, which are not among `valid`, failed; 0 without any."""
    every = valid + unknown
    return (bad + unknown) / every if every else 0.0


def may_fail(bad: int, valid: int, unknown: int, *, limit: float, least: int = 1) -> bool:
    """True when the `unknown` requests decide: failed, they bring the share to `limit`, with `least` failures or more.

    A share reaches its limit when it is not below it.
    """
    if not unknown or bad + unknown < least:
        return False
    return worst_share(bad, valid, unknown) >= limit
