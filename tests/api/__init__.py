"""The API models: what is read, what is refused, and the schema that is made from them."""
