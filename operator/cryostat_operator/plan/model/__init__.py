"""Types and tables that all of `plan` uses; imports nothing but `api`."""
