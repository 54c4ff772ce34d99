"""The commands `backup` and `restore`: they copy the data of one instance with the permissions of the user."""
