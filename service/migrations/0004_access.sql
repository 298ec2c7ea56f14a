-- Who may come in from elsewhere, and an audit trail that says who did what, by which door, and how it ended.

-- Keys of devices. The key itself is shown once and not kept.
create table twelvelead.api_key (
    name text primary key,
    sha256 bytea not null unique,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

drop rule audit_is_never_changed on twelvelead.audit;
drop rule audit_is_never_erased on twelvelead.audit;
alter table twelvelead.audit
    add column id bigint generated always as identity primary key,
    add column who text not null default 'worker',
    add column outcome text not null default 'done',
    add column door text not null default 'worker';
create index on twelvelead.audit (at);
create index on twelvelead.audit (subject);

-- Silence would let a forger believe that he had succeeded, and an operator that he had erased.
create function twelvelead.refuse_to_change_the_audit_trail() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end
$$;
create trigger append_only before update or delete or truncate on twelvelead.audit
    for each statement execute function twelvelead.refuse_to_change_the_audit_trail();
