-- A PACS's word that nobody has taken yet: who asked asks again.
drop table twelvelead.commitment;
