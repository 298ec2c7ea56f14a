"""Which tests stay together when several processes share them out (pytest-xdist)."""

from typing import Any, Final

# Each of these kills, traces or loads what it runs, and waits for it: two at once would wait for each other's.
WHOLE_MACHINE: Final = frozenset(
    f"tests/{each}.py"
    for each in (
        *("e2e/test_crash", "e2e/test_drain", "e2e/test_outage", "e2e/test_sync_before_answer"),
        *("peers/test_crowd", "peers/test_faults", "peers/test_two_machines", "deploy/test_rehearsal"),
    )
)
# Each test of these takes long and sets up nothing that the next one uses.
EACH_TEST_ALONE: Final = frozenset({"tests/conformance/test_readers.py"})


def together(nodeid: str) -> str:
    """Return the name of what a test stays together with: a file's tests do, for what they set up."""
    file = nodeid.partition("::")[0]
    if file in EACH_TEST_ALONE:
        return nodeid
    return "the whole machine" if file in WHOLE_MACHINE else file


def scheduler(config: Any, log: Any) -> Any:
    """Return what shares the tests out among processes, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling  # here: one process does without

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    config.option.loadscope_reorder = False  # the files with most tests are not those that take long
    return Together(config, log)
