-- An older release would take an erased ECG in again.
do $$
declare
    erased bigint := (select count(*) from twelvelead.erasure);
begin
    if erased > 0 then
        raise exception '% ECGs were erased, which an older release does not know', erased;
    end if;
end
$$;
drop function twelvelead.held(text);
drop table twelvelead.erasure;
drop table twelvelead.holding;
drop index twelvelead.job_payload_sha256_idx;
drop index twelvelead.job_report_id_idx;
alter table twelvelead.job
    drop constraint job_state_check,
    add constraint job_state_check check (state in ('waiting', 'done', 'dead', 'quarantined', 'discarded'));
-- That of deliveries stays: 0006 has it already.
