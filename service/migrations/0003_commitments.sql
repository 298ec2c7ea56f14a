-- What PACS have said on requests for storage commitment, until who asked takes it. Any replica may receive it. UIDs alone.
create table twelvelead.commitment (
    transaction_uid text primary key,
    stored text[] not null,
    failed text[] not null,
    reasons integer[] not null,         -- of `failed`, in its order
    arrived_at timestamptz not null default now()
);
create index on twelvelead.commitment (arrived_at);
