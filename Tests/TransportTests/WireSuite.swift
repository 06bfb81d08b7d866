import Testing

/// Everything with sockets runs in here: a wait that is never answered ends with the time limit.
@Suite(.timeLimit(.minutes(1))) struct WireSuite {}
