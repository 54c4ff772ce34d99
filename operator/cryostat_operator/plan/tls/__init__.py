"""TLS between the components: which certificates an instance needs, who issues them, when they are issued again."""
