"""The vocabulary: what an ECG is here, from received bytes to issued report. NumPy and SciPy only."""
