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
        let end = NodeWords.until(token.expiresAt, at: TimeText.now())
        Terminal.writeErrorLine("a token for one use, which ends \(end); it is shown only now:")
        Terminal.writeLine(token.token)
        let command =
            switch use {
            case .node: "muster-agent join"
            case .operator: "muster login"
            }
        let place =
            switch use {
            case .node: "on the node, as root"
            case .operator: "on the operator's machine"
            }
        Terminal.writeErrorLine(
            "\(place): \(style.paint(command, .accent))   (it asks for the token)"
        )
        if !token.addresses.isEmpty {
            let list = token.addresses.joined(separator: ", ")
            Terminal.writeErrorLine("it will connect to \(list)")
        }
    }
}
