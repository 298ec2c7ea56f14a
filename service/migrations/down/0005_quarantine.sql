-- An older release knows no quarantine: it would deliver, or forget, what waits there or was discarded.
do $$
declare
    entries bigint := (select count(*) from twelvelead.quarantine where resolution is null);
    discarded bigint := (select count(*) from twelvelead.job where state in ('quarantined', 'discarded'))
        + (select count(*) from twelvelead.delivery where state in ('quarantined', 'discarded'));
begin
    if entries + discarded > 0 then
        raise exception '% wait in quarantine and % were kept back, which an older release does not know', entries, discarded;
    end if;
end
$$;
drop table twelvelead.quarantine;
drop table twelvelead.alias;
alter table twelvelead.job
    drop constraint job_state_check,
    add constraint job_state_check check (state in ('waiting', 'done', 'dead')),
    drop column declared, drop column priority, drop column alias, drop column content;
alter table twelvelead.delivery
    drop constraint delivery_state_check,
    add constraint delivery_state_check check (state in ('waiting', 'delivered', 'dead'));
