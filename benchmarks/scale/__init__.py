"""Live state at scale: 1,000 releases × 10 revisions, 3,000 pods on simulated nodes."""
