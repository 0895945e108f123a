package portal

// Words of the leader's page and of the statistics.
var figureMessages = map[string]message{}
