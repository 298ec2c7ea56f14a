-- A report has versions: the first, each time it was read again, and that it was withdrawn.
create table twelvelead.version (
    report_id uuid not null,
    version integer not null check (version > 0),
    job_id uuid not null references twelvelead.job (id),
    kind text not null check (kind in ('first', 'amended', 'withdrawn')),
    reason text check (reason in ('wrong-patient', 'quality', 'safety')),
    requested_at timestamptz not null,  -- the version's time of issue
    state text not null default 'waiting' check (state in ('waiting', 'done', 'dead')),
    made_with text,                     -- digest of models, release and settings; null: not known
    error text,                         -- code of the error that ended or delays it
    primary key (report_id, version),
    check ((kind = 'withdrawn') = (reason is not null))
);
create index on twelvelead.version (job_id);
-- One version of a report is made at a time.
create unique index one_version_at_a_time on twelvelead.version (report_id) where state = 'waiting';

insert into twelvelead.version (report_id, version, job_id, kind, requested_at, state)
select report_id, 1, id, 'first', accepted_at, 'done' from twelvelead.job where state = 'done' and report_id is not null;

-- A delivery is one of a version. `open` says that the destination may hold it without our knowing; `kept` is the
-- destination's own note to its receipt. 'superseded' was never sent, since a later version is.
alter table twelvelead.delivery
    add column version integer not null default 1,
    add column open boolean not null default false,
    add column kept text not null default '',
    drop constraint delivery_pkey,
    add primary key (report_id, version, destination),
    drop constraint delivery_state_check,
    add constraint delivery_state_check check
        (state in ('waiting', 'delivered', 'dead', 'quarantined', 'discarded', 'superseded', 'erased'));
-- How far those that are not delivered came was not recorded.
update twelvelead.delivery set open = true where state in ('waiting', 'dead', 'quarantined');

-- In quarantine is a delivery of one version.
alter table twelvelead.quarantine add column version integer;
update twelvelead.quarantine set version = 1 where report_id is not null;
drop index twelvelead.quarantine_job_id_report_id_destination_idx;
create unique index on twelvelead.quarantine (job_id, report_id, destination, version) nulls not distinct
    where resolution is null;
