-- What was accepted, what became of it, and where it went. No column holds a patient's datum.
create schema twelvelead;

-- One row for each ECG ever accepted: its identity is unique, so the same ECG never makes a second job.
create table twelvelead.job (
    id uuid primary key,
    identity uuid not null unique,
    payload_sha256 text not null,
    part integer not null,              -- which recording of the payload
    accepted_at timestamptz not null,   -- the report's time of issue
    state text not null default 'waiting' check (state in ('waiting', 'done', 'dead')),
    report_id uuid,
    error text                          -- code of the error that ended or delays it
);
create index on twelvelead.job (state, accepted_at);

-- One row for each report and destination that was live when the report was made.
create table twelvelead.delivery (
    report_id uuid not null,
    destination text not null,
    job_id uuid not null references twelvelead.job (id),
    state text not null default 'waiting' check (state in ('waiting', 'delivered', 'dead')),
    attempts integer not null default 0,
    reference text,
    error text,
    primary key (report_id, destination)
);
create index on twelvelead.delivery (state, destination);

-- Destinations are off until an operator turns them on.
create table twelvelead.destination (
    name text primary key,
    live boolean not null
);

-- Who did what, append-only.
create table twelvelead.audit (
    at timestamptz not null default now(),
    action text not null,
    subject text not null
);
create rule audit_is_never_changed as on update to twelvelead.audit do instead nothing;
create rule audit_is_never_erased as on delete to twelvelead.audit do instead nothing;
