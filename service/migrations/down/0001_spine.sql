-- Takes everything back: only where nothing was ever accepted.
do $$
begin
    if exists (select from twelvelead.job) then
        raise exception 'ECGs were accepted, and this would forget them';
    end if;
end
$$;
drop schema twelvelead cascade;
