-- Erasure: which reports the store may hold, and what was erased of which job. No column holds a patient's datum.

-- The row of an erased ECG stays, so that it is known when it comes again.
alter table twelvelead.job
    drop constraint job_state_check,
    add constraint job_state_check
        check (state in ('waiting', 'done', 'dead', 'quarantined', 'discarded', 'erased'));
alter table twelvelead.delivery
    drop constraint delivery_state_check,
    add constraint delivery_state_check
        check (state in ('waiting', 'delivered', 'dead', 'quarantined', 'discarded', 'superseded', 'erased'));
create index on twelvelead.job (payload_sha256);
create index on twelvelead.job (report_id);

-- Each report of which the store may hold a file, written before the first of them: a crash leaves none unknown.
create table twelvelead.holding (
    report_id uuid primary key,
    job_id uuid not null references twelvelead.job (id)
);
create index on twelvelead.holding (job_id);
insert into twelvelead.holding select report_id, id from twelvelead.job where report_id is not null on conflict do nothing;

-- One row for each job of which something was erased. Written before the store is touched; pending until it is clean.
create table twelvelead.erasure (
    job_id uuid primary key references twelvelead.job (id),
    payload_at timestamptz,     -- since when the job holds its payload no more
    report_at timestamptz,      -- since when there is no report of it any more
    pending boolean not null default true
);
create index on twelvelead.erasure (job_id) where pending;

-- Whether a job holds the payload of a digest: one that was not erased has its ECG in it.
create function twelvelead.held(digest text) returns boolean language sql stable as $$
    select exists (
        select from twelvelead.job j where j.payload_sha256 = digest and not exists (
            select from twelvelead.erasure e where e.job_id = j.id and e.payload_at is not null
        )
    )
$$;
