-- Keys open nothing in an older release, which has no guarded door; the trail keeps its rows, without who and by which door.
drop trigger append_only on twelvelead.audit;
drop function twelvelead.refuse_to_change_the_audit_trail();
alter table twelvelead.audit drop column id, drop column who, drop column outcome, drop column door;
create rule audit_is_never_changed as on update to twelvelead.audit do instead nothing;
create rule audit_is_never_erased as on delete to twelvelead.audit do instead nothing;
drop table twelvelead.api_key;
