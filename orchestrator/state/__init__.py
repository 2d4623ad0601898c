"""The state of the cluster: in-memory tables, one writer, a durable journal.

`schema` declares the tables, `table` is one of them with its indexes, `store` makes every change, `journal` makes it durable.
"""
