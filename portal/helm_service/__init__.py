"""The only importer of pyhelm3: runs Helm, and converts its errors."""
