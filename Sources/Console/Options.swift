import ArgumentParser

/// What every command that speaks to a cluster takes.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Which cluster: a context's name, or a credential's folder (default:"
                + " $MUSTER_CONTEXT, else the current context).",
            valueName: "name"
        ),
        completion: .custom { _, _, _ in Completions.contexts() }
    )
    var context: String?

    @Option(
        help: ArgumentHelp(
            "Ask this controller instead of the context's; may be given again.",
            valueName: "url"
        )
    )
    var server: [String] = []

    @OptionGroup var colour: ColourOption
}

struct ColourOption: ParsableArguments {
    @Option(name: .customLong("color"), help: "When to use colour.")
    var choice: ColourChoice = .auto

    func style(isTerminal: Bool) -> Style {
        Style(
            isColoured: choice.isColoured(
                isTerminal: isTerminal,
                environment: Terminal.environment
            ),
            isUnicode: Terminal.isUnicode
        )
    }

    var outputStyle: Style { style(isTerminal: Terminal.isOutput) }
    var errorStyle: Style { style(isTerminal: Terminal.isError) }
}

extension ColourChoice: ExpressibleByArgument {}

/// How a list or a single thing is shown.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case table
    case wide
    case json
    case yaml

    var isForPrograms: Bool { self == .json || self == .yaml }
}

struct FormatOption: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: "How to show it; json and yaml are the API's own, with stable keys."
    )
    var format: OutputFormat = .table
}

struct ListOptions: ParsableArguments {
    @OptionGroup var output: FormatOption

    @Flag(help: "Leave out the line of headers.")
    var noHeaders = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Sort by this column; with a leading '-' the other way round.",
            valueName: "column"
        )
    )
    var sortBy: String?
}

/// What every command that changes something takes.
struct ChangeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Why; goes into the audit log.", valueName: "text")
    )
    var reason: String?

    @Flag(help: "Do it although a safety check advises against it.")
    var force = false

    /// Left out of the request unless given.
    var forced: Bool? { force ? true : nil }
}

/// What commands that give orders to nodes take besides.
struct WaitOptions: ParsableArguments {
    @Flag(help: "Do not wait until it is done.")
    var detach = false

    @Option(
        help: ArgumentHelp("How long to wait: 30s, 10m, 1h30m.", valueName: "duration")
    )
    var timeout: DurationArgument?
}

struct DurationArgument: ExpressibleByArgument, Hashable, Sendable {
    var milliseconds: UInt64

    init(milliseconds: UInt64) {
        self.milliseconds = milliseconds
    }

    init?(argument: String) {
        guard let milliseconds = DurationText.milliseconds(argument) else { return nil }
        self.milliseconds = milliseconds
    }

    var defaultValueDescription: String { DurationText.text(milliseconds: milliseconds) }
}

/// How dangerous commands are confirmed by scripts.
struct ConfirmationOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Answer the question with yes.")
    var yes = false
}
