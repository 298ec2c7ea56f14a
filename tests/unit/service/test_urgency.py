"""STAT first: what is urgent is interpreted and delivered before what waits."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from ecg.recording import PRIORITIES, Order, urgency
from service.database import Database
from service.jobs import Job, Jobs
from service.metrics import Metrics
from service.worker import build_queue, work

STAT = PRIORITIES.index("stat")


@pytest.fixture
def jobs(database: Database) -> Jobs:
    with database.transaction() as connection:
        connection.execute("truncate twelvelead.job, twelvelead.destination, procrastinate_jobs cascade")
    return Jobs(database)


def ecg(priority: int = 0) -> Job:
    made = Job(uuid4(), uuid4(), "ab" * 32, 0, datetime.now(UTC), "waiting", None, None)
    return replace(made, priority=priority)


def priorities(jobs: Jobs) -> list[tuple[str, int]]:
    query = "select queue_name, priority from procrastinate_jobs where status = 'todo' order by id"
    with jobs.database.transaction() as connection:
        return connection.execute(query).fetchall()


class Watched:
    """A workshop that interprets nothing and notes the order; while it has the first in hand, a late one arrives."""

    def __init__(self, jobs: Jobs, late: Job) -> None:
        self.jobs, self.late, self.order, self.metrics = jobs, late, list[UUID](), Metrics()

    def interpret(self, job_id: UUID, *, last: bool) -> None:
        if not self.order:
            self.jobs.accept([self.late])
        self.order.append(job_id)
        self.jobs.interpreted(job_id, uuid4())


def test_a_stat_ecg_that_arrives_late_is_next(jobs: Jobs) -> None:
    backlog, late = [ecg() for _ in range(10)], ecg(STAT)
    jobs.accept(backlog)
    workshop = Watched(jobs, late)
    queue = build_queue(cast(Any, workshop), {}, jobs.database.url)

    async def run() -> None:
        working = asyncio.create_task(work(queue, jobs, [], 1, 5))
        for _ in range(600):
            if len(workshop.order) > len(backlog):
                break
            await asyncio.sleep(0.1)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(run())
    assert workshop.order == [backlog[0].id, late.id, *(each.id for each in backlog[1:])]


def test_deliveries_inherit_also_when_they_are_queued_again(jobs: Jobs) -> None:
    one, report = ecg(STAT), uuid4()
    jobs.accept([one])
    jobs.set_live("ehr", True)
    jobs.interpreted(one.id, report)
    jobs.undelivered(report, "ehr", "refused", final=True)
    jobs.retry(one.id)
    assert priorities(jobs) == [("interpret", STAT), ("deliver:ehr", STAT), ("deliver:ehr", STAT)]


def test_a_known_ecg_that_comes_again_as_stat_moves_up_and_never_down(jobs: Jobs) -> None:
    one = ecg()
    for priority in (0, STAT, 0):
        jobs.accept([replace(one, id=one.id if not priority else uuid4(), priority=priority)])
    assert priorities(jobs) == [("interpret", STAT)]
    assert jobs.refreshed(one).priority == STAT


def test_the_most_urgent_of_file_and_sender_counts() -> None:
    assert urgency(Order(priority="routine"), Order(priority="stat")) == STAT
    assert urgency(Order(priority="asap"), None) > urgency(Order(priority="urgent")) > urgency(Order(), None) == 0
