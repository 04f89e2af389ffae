"""The only importer of the Kubernetes client: watches, decoding, reads and checks."""
