import API

/// Asks before something dangerous is done.
enum Confirmation {
    /// How the answer is given.
    enum Demand {
        /// `[y/N]`, or `--yes`.
        case yes
        /// This text typed out, or `--confirm TEXT`: what is done cannot be mistaken for anything
        /// smaller.
        case typed(String)
    }

    /// Returns when it may be done.
    ///
    /// - Parameters:
    ///   - statement: what will happen, for people.
    ///   - isGiven: the flag for scripts was given.
    ///   - confirmed: the text after `--confirm`.
    /// - Throws: `refused` when the answer is no, and at once when there is nobody to ask.
    /// Who may not do it is told so, and not asked.
    ///
    /// - Parameter least: the role that what is to be done is for.
    static func ask(
        _ statement: String,
        _ demand: Demand,
        isGiven: Bool,
        confirmed: String? = nil,
        needing least: Route.Access,
        over connection: ConnectionOptions,
        style: Style
    ) async throws {
        if !isGiven, confirmed == nil, Terminal.isInput, Terminal.isError {
            try await Session.run(connection) { try await Permission.check(least, $0) }
        }
        try ask(statement, demand, isGiven: isGiven, confirmed: confirmed, style: style)
    }

    static func ask(
        _ statement: String,
        _ demand: Demand,
        isGiven: Bool,
        confirmed: String? = nil,
        style: Style
    ) throws(ConsoleError) {
        switch demand {
        case .yes:
            if isGiven || confirmed != nil { return }
            try requireTerminal(statement, flag: "--yes")
            Terminal.writeError("\(shown(statement))\n\(style.paint("Go on?", .strong)) [y/N] ")
            let answer = Terminal.readLine()?.lowercased() ?? ""
            guard answer == "y" || answer == "yes" else { throw notDone }
        case .typed(let text):
            if let confirmed {
                guard confirmed == text else {
                    throw ConsoleError(
                        .refused,
                        "--confirm says \(confirmed), but this is about \(text)",
                        hint: "\(statement) If that is meant: --confirm \(text)"
                    )
                }
                return
            }
            try requireTerminal(statement, flag: "--confirm \(text)")
            Terminal.writeError(
                "\(shown(statement))\nType \(style.paint(text, .strong)) to go on: "
            )
            guard Terminal.readLine() == text else { throw notDone }
        }
    }

    /// Broken between words, not within them.
    private static func shown(_ statement: String) -> String {
        let width = Terminal.size.columns
        return statement.split(separator: "\n", omittingEmptySubsequences: false)
            .flatMap { DisplayWidth.wrapped(String($0), to: width) }
            .joined(separator: "\n")
    }

    private static let notDone = ConsoleError(.refused, "not confirmed; nothing was done")

    private static func requireTerminal(
        _ statement: String,
        flag: String
    ) throws(ConsoleError) {
        guard Terminal.isInput && Terminal.isError else {
            throw ConsoleError(
                .refused,
                "this needs a confirmation, and there is nobody to ask; nothing was done",
                hint: "\(statement) If that is meant: \(flag)"
            )
        }
    }
}
