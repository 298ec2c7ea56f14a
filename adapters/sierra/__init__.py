"""Philips Sierra XML: its reader."""
