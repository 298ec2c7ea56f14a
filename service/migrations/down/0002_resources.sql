-- The index of issued resources is made anew from reports only when they are made: taking it back loses search, no report.
drop table twelvelead.resource;
drop table twelvelead.site_key;
