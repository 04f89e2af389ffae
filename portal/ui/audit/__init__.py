"""The pages of the audit trail: of everybody, of oneself, and of an app."""
