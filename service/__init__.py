"""The service: the only package that knows all the others. Read pipeline.py first."""
