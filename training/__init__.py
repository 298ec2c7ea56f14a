"""Makes what models/ loads: from the corpus through fit, calibrate and evaluate to weights and card."""
