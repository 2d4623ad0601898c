"""Why a resource is not as it should be: what stands in the way, the most likely cause first, each with a cure."""
