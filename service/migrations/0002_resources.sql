-- What can be asked for by search. Identifiers stand as keyed digests, so that no column holds a patient's datum.

-- The key of those digests: random, made once, and of no use without what was digested.
create table twelvelead.site_key (
    one boolean primary key default true check (one),
    value bytea not null
);
insert into twelvelead.site_key (value)
    values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- One row for each FHIR resource of each report. A resource that several reports share stands once.
create table twelvelead.resource (
    kind text not null,
    id uuid not null,
    report_id uuid not null,
    version integer not null,
    patient_keys bytea[] not null,
    identifier_keys bytea[] not null,
    effective_from timestamptz,         -- as precise as the recording says: an instant, or a day
    effective_to timestamptz,
    last_updated timestamptz not null default now(),
    primary key (kind, id)
);
create index on twelvelead.resource using gin (patient_keys);
create index on twelvelead.resource using gin (identifier_keys);
create index on twelvelead.resource (kind, last_updated, id);
