import Protocol

/// What a handler found wrong with the peer; it travels towards the session, which closes.
struct Violation {
    var reason: CloseReason
    /// Said to the peer before the close; nil cuts the connection at once.
    var answer: Line?
}

/// What the framer tells the handlers behind it.
enum FramingEvent {
    /// Bytes have come that begin a line, without its end.
    case lineBegan
}

/// What the session asks of the handlers before it.
enum ConnectionCommand {
    /// Something waits in the outbox, or the session is to be closed.
    case drain
    /// The owner has lines enough.
    case pause
    case resume
    /// The connection is being closed: what the peer still sends is thrown away.
    case discard
    /// Close the socket, without TLS's farewell.
    case abort
}

extension Line {
    static func refusal(_ code: RefusalCode, _ text: String) -> Line {
        ControllerMessage.error(code: code, text: text).line
    }
}
