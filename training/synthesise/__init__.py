"""Makes pages from known signals: papers, prints and cameras, drawn from a seed, with the truth beside them."""
