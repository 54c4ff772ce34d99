"""Decides which certificates an instance needs, who issues them, and when they are issued again."""
