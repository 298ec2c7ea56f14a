"""Which tests stay together when several processes share them out (pytest-xdist)."""

from typing import Any, Final

from xdist.scheduler import LoadScopeScheduling

# Each of these kills, traces or loads what it runs, and waits for it: two at once would wait for each other's.
WHOLE_MACHINE: Final = frozenset(
    f"tests/{each}.py"
    for each in (
        *("e2e/test_crash", "e2e/test_drain", "e2e/test_outage", "e2e/test_sync_before_answer"),
        *("peers/test_crowd", "peers/test_faults", "peers/test_two_machines"),
    )
)
# Each test of these takes long and sets up nothing that the next one uses.
EACH_TEST_ALONE: Final = frozenset({"tests/conformance/test_readers.py"})


class ByFile(LoadScopeScheduling):
    """A file's tests run in one process, for what they set up; those that want the machine run one after the other."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscope_reorder = False  # as collected: the files with most tests are not those that take long

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in EACH_TEST_ALONE:
            return nodeid
        return "the whole machine" if file in WHOLE_MACHINE else file
