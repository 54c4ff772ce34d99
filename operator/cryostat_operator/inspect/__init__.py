"""Commands that read a cluster with the permissions of the user: `status` and `must-gather`."""
