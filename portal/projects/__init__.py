"""Projects: namespaces with people, quota, limits, Pod Security and network policies."""
