"""Pictures of ECGs: millimetre paper, maps over the traces, the report's pages, and PNGs of the same drawing."""
