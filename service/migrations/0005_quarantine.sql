-- What must be looked at by an operator before it goes on, and what goes first. No column holds a patient's datum.
alter table twelvelead.job
    add column declared text,           -- digest of what was declared with the payload; it lies beside it in the store
    add column priority smallint not null default 0,    -- 0 routine, 1 urgent, 2 asap, 3 stat
    add column alias text,              -- by which its sender knows the ECG
    add column content uuid,            -- what was recorded and when, whoever's it is
    drop constraint job_state_check,
    add constraint job_state_check check (state in ('waiting', 'done', 'dead', 'quarantined', 'discarded'));

alter table twelvelead.delivery
    drop constraint delivery_state_check,
    add constraint delivery_state_check check (state in ('waiting', 'delivered', 'dead', 'quarantined', 'discarded'));

-- Whose name an alias is: the first ECG that came under it.
create table twelvelead.alias (
    alias text primary key,
    identity uuid not null
);

-- One row each time that a job, or a delivery of its report, went into quarantine.
create table twelvelead.quarantine (
    id uuid primary key default gen_random_uuid(),
    job_id uuid not null references twelvelead.job (id),
    report_id uuid,                     -- of the delivery; null: the job itself
    destination text,
    reason text not null,
    since timestamptz not null default now(),
    resolution text check (resolution in ('released', 'discarded')),
    grounds text,                       -- code: why it was discarded
    resolved_at timestamptz,
    check ((report_id is null) = (destination is null)),
    check ((resolution is null) = (resolved_at is null))
);
create unique index on twelvelead.quarantine (job_id, report_id, destination) nulls not distinct
    where resolution is null;
