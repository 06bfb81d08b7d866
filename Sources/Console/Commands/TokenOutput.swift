import API
import Model

/// Shows a new token: alone on standard output, so that it can be piped; what it is and what to do
/// with it on standard error.
enum TokenOutput {
    enum Use {
        case node
        case `operator`
    }

    static func show(
        _ token: CreatedToken,
        json: [UInt8],
        _ format: OutputFormat,
        before: String,
        use: Use,
        style: Style
    ) throws {
        if format.isForPrograms {
            Terminal.write(try Emit.text(json, as: format))
            return
        }
        if !before.isEmpty { Terminal.writeErrorLine(before) }
        let left = max(
            0,
            -(TimeText.age(of: token.expiresAt, at: WallTime(iso8601: token.asOf) ?? TimeText.now())
                ?? 0)
        )
        Terminal.writeErrorLine(
            "a token for one use within \(DurationText.text(milliseconds: left)); it is shown only now:"
        )
        Terminal.writeLine(token.token)
        let (place, command) =
            switch use {
            case .node: ("on the node, as the agent's account", "muster-agent join")
            case .operator: ("on the operator's machine", "muster login")
            }
        Terminal.writeErrorLine("\(place): \(style.paint(command, .accent))")
        if !token.addresses.isEmpty {
            let list = token.addresses.joined(separator: ", ")
            Terminal.writeErrorLine("it will connect to \(list)")
        }
    }
}
