"""The command `status`, which reads a cluster with the permissions of the user, and what other commands share."""
