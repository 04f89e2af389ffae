"""The portal's database: one connection pool, its migrations, and what to do while it is away."""
