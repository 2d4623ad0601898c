"""What is followed on the server, and what tells of its changes."""
