"""WFDB: records of PhysioNet and of many recorders, a header text with its signal files, together in an archive."""
