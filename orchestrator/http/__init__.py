"""The HTTP API. `route` declares a route, `router` finds it, `server` answers; `routes/` has one module for each family."""
