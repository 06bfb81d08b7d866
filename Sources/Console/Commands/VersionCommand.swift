import API
import ArgumentParser

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "The versions of this command and of the controller."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Flag(help: "Do not ask a controller.")
    var client = false

    private struct Versions: Encodable {
        var muster: String
        var controller: VersionInformation?
    }

    func run() async throws {
        if client { return try show(Versions(muster: Version.text), nil) }
        do {
            try await Session.run(connection) { session in
                let answer: Answer<VersionInformation> = try await session.client.get(
                    Route.getVersion.path
                )
                try show(Versions(muster: Version.text, controller: answer.value), nil)
            }
        } catch let error as ConsoleError {
            try show(Versions(muster: Version.text), error)
            throw error
        }
    }

    private func show(_ versions: Versions, _ error: ConsoleError?) throws {
        if output.format.isForPrograms {
            Terminal.write(try Emit.text(try JSONLine.bytes(versions), as: output.format))
            return
        }
        Terminal.writeLine("muster      \(versions.muster)")
        guard let controller = versions.controller else { return }
        Terminal.writeLine(
            "controller  \(controller.version)   (interface \(controller.api),"
                + " agents' protocol \(controller.protocolMin) to \(controller.protocolMax))"
        )
    }
}
