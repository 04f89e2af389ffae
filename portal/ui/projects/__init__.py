"""The pages of projects: all of them and one, for administrators; one's own, and asking for one."""
