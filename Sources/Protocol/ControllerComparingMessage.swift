import Model

extension ControllerComparingMessage {
    static let verbs = ["LIST", "SHOW"]

    init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "LIST":
            self = .list(
                ListRequest(
                    request: try fields.number("request"),
                    token: try fields.token("token"),
                    set: try fields.name("set"),
                    digest: try fields.hex("digest", digits: 64),
                    from: try fields.number("from", in: 0...ComparingLimits.entriesMax)
                )
            )
        case "SHOW":
            self = .show(
                ShowRequest(
                    request: try fields.number("request"),
                    token: try fields.token("token"),
                    set: try fields.name("set"),
                    path: try fields.path("path")
                )
            )
        default: throw .unknownVerb
        }
    }

    var line: Line {
        var writer: LineWriter
        switch self {
        case .list(let list):
            writer = LineWriter("LIST")
            writer.put("request", list.request)
            writer.put("token", list.token)
            writer.put("set", list.set)
            writer.put("digest", list.digest)
            writer.put("from", list.from)
        case .show(let show):
            writer = LineWriter("SHOW")
            writer.put("request", show.request)
            writer.put("token", show.token)
            writer.put("set", show.set)
            writer.put("path", show.path)
        }
        return writer.line
    }
}
