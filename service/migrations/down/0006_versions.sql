-- An older release knows the first version alone: it would deliver what was amended or withdrawn.
do $$
declare
    later bigint := (select count(*) from twelvelead.version where version > 1)
        + (select count(*) from twelvelead.delivery where version > 1 or state = 'superseded');
begin
    if later > 0 then
        raise exception '% later versions or deliveries of them are known, which an older release does not know', later;
    end if;
end
$$;
drop index twelvelead.quarantine_job_id_report_id_destination_version_idx;
alter table twelvelead.quarantine drop column version;
create unique index on twelvelead.quarantine (job_id, report_id, destination) nulls not distinct
    where resolution is null;
alter table twelvelead.delivery
    drop constraint delivery_pkey,
    drop column version, drop column open, drop column kept,
    add primary key (report_id, destination),
    drop constraint delivery_state_check,
    add constraint delivery_state_check check (state in ('waiting', 'delivered', 'dead', 'quarantined', 'discarded'));
drop table twelvelead.version;
