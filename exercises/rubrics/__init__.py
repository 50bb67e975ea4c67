"""One rubric per problem set: the module's name is the set's name."""
