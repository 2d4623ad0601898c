"""Custom resources kept in Nomad variables: where they are, how they read, how they are watched and written."""
