"""How often one caller may ask, and how often an address may fail to say who it is; counted in this process."""

import math
import time
from ipaddress import ip_address, ip_network
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from ecg.errors import Throttled

FAILURES: Final = RateLimitItemPerMinute(20)  # of one address to authenticate
TOLD: Final = RateLimitItemPerMinute(1)  # rows of the trail about one caller who is too quick


class Rates:
    """Counts requests. `rate` is how many a caller may make in a minute, 0 any number."""

    def __init__(self, rate: int) -> None:
        self._rate = RateLimitItemPerMinute(rate) if rate else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, who: str) -> None:
        """Count a request of a caller.

        Raises:
            Throttled: it is one too many.
        """
        if self._rate is not None and not self._limiter.hit(self._rate, "caller", who):
            raise self._throttled(self._rate, "caller", who)

    def failed(self, address: str) -> None:
        """Count an address that failed to authenticate."""
        self._limiter.hit(FAILURES, "failures", address)

    def check_failures(self, address: str) -> None:
        """Look whether an address may try to authenticate.

        Raises:
            Throttled: it has failed too often of late.
        """
        if not self._limiter.test(FAILURES, "failures", address):
            raise self._throttled(FAILURES, "failures", address)

    def tell(self, who: str) -> bool:
        """Say whether the trail should hear of a caller who is too quick: once a minute, else they could flood it."""
        return self._limiter.hit(TOLD, "told", who)

    def _throttled(self, item: RateLimitItem, *key: str) -> Throttled:
        reset = self._limiter.get_window_stats(item, *key).reset_time
        return Throttled(seconds=max(1, math.ceil(reset - time.time())))


def neighbourhood(address: str) -> str:
    """Return what is counted as one address: an IPv6 host has a whole /64 of them (RFC 6177)."""
    try:
        own = ip_address(address)
    except ValueError:
        return "elsewhere"  # no address at all: a Unix socket, or a test
    return str(own if own.version == 4 else ip_network((own, 64), strict=False))
