"""SCP-ECG: its reader."""
