"""Measures an ECG without a network: start with measures.py. elevation.py says which leads show ST elevation."""
