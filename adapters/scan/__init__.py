"""Pages: PDFs, scans and photographs of printed ECGs. `digitise` is the one way through; the rest are its steps."""
