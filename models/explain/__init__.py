"""Why a network scored as it did: maps over leads and time, whole leads, and the checks that each has to pass."""
