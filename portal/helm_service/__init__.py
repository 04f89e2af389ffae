"""The only importer of pyhelm3: runs Helm, and tells its errors apart."""
